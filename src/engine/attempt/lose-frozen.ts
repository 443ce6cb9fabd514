/**
 * Handles a task whose stopped process is gone. A task that the user paused stays paused, and only the cause says that
 * its process is lost. Any other, such as one frozen by `daemon stop` or queued to resume, is lost like a running task.
 */
import type { Intent, Task } from "../../core/task.ts";
import type { Change, Patch } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { type Conclusion, canContinue, concludeLost, daemonPause } from "./conclude.ts";

/** Records the loss and returns the task. `conclusion` is what the loss would mean for a running task. */
export async function loseFrozen(
  engine: Engine,
  task: Task,
  { at, end: ended }: Change,
  conclusion: Conclusion,
): Promise<Task> {
  const loss = { id: task.id, at, cause: "lost", actor: "daemon" };
  const noProcess = { frozen: false, pid: null };
  const end = ended && { ...ended, outcome: "lost" as const };
  if (isPausedByUser(task)) {
    const pause = userPause(task, at);
    return await engine.store.update(task.id, { ...noProcess, pause }, { end, event: loss });
  }
  if (conclusion.transition === "fail") {
    const changes: Change[] = [
      { ...loss, transition: "start", set: noProcess },
      { ...loss, transition: "fail", set: conclusion.set, end, ranMs: 0 },
    ];
    if (task.state === "suspended") changes.unshift({ ...loss, transition: "resume" });
    return (await engine.store.applyAll(changes)).at(-1) as Task;
  }
  const set = { ...noProcess, ...conclusion.set };
  if (task.state === "suspended") return await engine.store.update(task.id, set, { end, event: loss });
  if (!set.pause?.until || !canContinue(task)) {
    return await engine.store.apply({ ...loss, transition: "unresume", set, end });
  }
  // It stays in the queue: it will begin a new attempt instead of continuing its stopped process.
  const pause = { ...set.pause, until: null };
  return await engine.store.update(task.id, { ...set, pause }, { end, event: loss });
}

function isPausedByUser({ state, pause }: Task): boolean {
  return state === "suspended" && (pause === null || pause.cause === "user");
}

function userPause({ pause }: Task, at: number): Patch["pause"] {
  const { cause, ...lost } = daemonPause("lost", "its stopped process is gone", at);
  return { ...(pause ?? lost), cause };
}

/**
 * Records the loss of a task that the store says is working or frozen, but that has no attempt under way there.
 * `request` is the request being made of it.
 */
export async function recordContradiction(engine: Engine, task: Task, request: Intent | null): Promise<void> {
  engine.log.error({ task: task.id }, "a task is working in the store and has no attempt: it counts as lost");
  if (task.frozen) return await loseTrace(engine, task);
  const at = engine.clock.now();
  const lostEnd = {
    result: null,
    startFailure: null,
    exitCode: null,
    signal: null,
    lost: true,
    unwatched: true,
    jitter: 0,
  };
  const { transition, cause, actor, set } = concludeLost({ ...lostEnd, task, intent: request, at });
  // We do not know how long it ran.
  await engine.store.apply({ id: task.id, transition, cause, actor, at, set, ranMs: 0 });
}

/** Records that there is no trace of the process of a frozen task. */
async function loseTrace(engine: Engine, task: Task): Promise<void> {
  const at = engine.clock.now();
  const pause = daemonPause("lost", "its stopped process is gone", at);
  const loss = { at, cause: "lost", actor: "daemon" };
  const set = { frozen: false, pid: null, pause };
  if (task.state === "suspended") await engine.store.update(task.id, set, { event: loss });
  else await engine.store.apply({ id: task.id, ...loss, transition: "unresume", set });
}
