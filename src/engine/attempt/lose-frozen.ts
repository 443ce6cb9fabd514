/**
 * What becomes of a task whose stopped process is gone. What a user paused stays so, and only the cause says that it
 * is lost. Any other, as one that `daemon stop` froze or one that waits in line to go on, is lost as it would be at work.
 */
import type { Task } from "../../core/task.ts";
import type { Change, Patch } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { type Conclusion, canContinue, daemonPause } from "./conclude.ts";

/** Records the loss; `conclusion` is how it is read of a task at work. */
export async function loseFrozen(
  engine: Engine,
  task: Task,
  { at, end: ended }: Change,
  conclusion: Conclusion,
): Promise<Task> {
  const lost = { id: task.id, at, cause: "lost", actor: "daemon" };
  const gone = { frozen: false, pid: null };
  const end = ended && { ...ended, outcome: "lost" as const };
  if (isUsers(task)) {
    const pause = pauseOfUser(task, at);
    return await engine.store.update(task.id, { ...gone, pause }, { end, event: lost });
  }
  if (conclusion.transition === "fail") {
    const moves: Change[] = [
      { ...lost, transition: "start", set: gone },
      { ...lost, transition: "fail", set: conclusion.set, end, ranMs: 0 },
    ];
    if (task.state === "suspended") moves.unshift({ ...lost, transition: "resume" });
    return (await engine.store.applyAll(moves)).at(-1) as Task;
  }
  const set = { ...gone, ...conclusion.set };
  if (task.state === "suspended") return await engine.store.update(task.id, set, { end, event: lost });
  if (!set.pause?.until || !canContinue(task)) {
    return await engine.store.apply({ ...lost, transition: "unresume", set, end });
  }
  // It is in line already, to begin anew where its stopped process would have gone on.
  const pause = { ...set.pause, until: null };
  return await engine.store.update(task.id, { ...set, pause }, { end, event: lost });
}

function isUsers({ state, pause }: Task): boolean {
  return state === "suspended" && (pause === null || pause.cause === "user");
}

function pauseOfUser({ pause }: Task, at: number): Patch["pause"] {
  const { cause, ...lost } = daemonPause("lost", "its stopped process is gone", at);
  return { ...(pause ?? lost), cause };
}
