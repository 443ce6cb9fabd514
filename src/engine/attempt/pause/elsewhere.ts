/** Requests for a task whose process is on another machine of the cluster: they go through the store. */
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../../core/errors.ts";
import type { Intent, Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";
import { notPausable } from "../../refusals.ts";
import { intentFor, type Paused, type PauseOptions } from "./request.ts";

/** How often, in ms, to read the task again, in case a notification was lost. */
const POLL_MS = 100;

/** Whether the process of a task is on another machine. */
export function isElsewhere({ cluster }: Engine, { machine, state, frozen }: Task): boolean {
  return (
    cluster !== null && machine !== null && machine !== cluster.machine && (state === "working" || frozen)
  );
}

/** Throws `UnsupportedOperation` for an operation that only the machine of the process can do. */
export function refuseElsewhere(engine: Engine, task: Task, instruction: string): void {
  if (!isElsewhere(engine, task)) return;
  const { id, state, machine } = task;
  const reason = `task ${id} is on machine ${machine}: ${instruction} there`;
  throw new AgentctlError("UnsupportedOperation", { id, state, machine, reason });
}

/** Pauses a working task through its machine, like a local pause. Rejects with `PauseFailed` or `TaskNotPausable`. */
export async function pauseElsewhere(
  engine: Engine,
  task: Task,
  options: PauseOptions,
): Promise<Paused | undefined> {
  if (task.intent === null) {
    const attempt = (await engine.store.attempts(task.id)).at(-1);
    const hasSaved = task.checkpoint?.attempt === task.attempt;
    const defaultMode = task.kind !== "program" || attempt?.saidHello || hasSaved ? "checkpoint" : "freeze";
    await record(engine, task, intentFor(engine, task, options, defaultMode));
  } else if (task.intent.kind !== "pause") throw notPausable(task, "it is being ended");
  if (options.wait === false) return { task: await engine.require(task.id), changed: true };
  const settled = await waitUntilSettled(engine, task);
  if (settled.state === "suspended") return { task: settled, changed: true };
  if (settled.state === "working" && settled.attempt === task.attempt) {
    const reason = `machine ${task.machine} could not pause it; its daemon's log says why`;
    throw new AgentctlError("PauseFailed", { id: task.id, state: settled.state, reason });
  }
  throw notPausable(settled);
}

/** Cancels a task through its machine. Resolves with undefined if it was not canceled: the caller reads it again. */
export async function cancelElsewhere(
  engine: Engine,
  task: Task,
  {
    graceMs,
    reason = null,
    actor,
    wait,
  }: { graceMs: number; reason?: string | null; actor: string; wait: boolean },
): Promise<{ task: Task; changed: boolean } | undefined> {
  if (task.intent?.kind !== "cancel") await record(engine, task, { kind: "cancel", actor, reason, graceMs });
  if (!wait) return { task: await engine.require(task.id), changed: true };
  const settled = await waitUntilSettled(engine, task);
  return settled.state === "canceled" ? { task: settled, changed: true } : undefined;
}

async function record(engine: Engine, { id, attempt }: Task, intent: Intent): Promise<void> {
  await engine.store.intend([{ id, attempt, intent }]);
}

/** Resolves with the task once its request is over: the attempt has ended or is stopped, or the request was dropped. */
async function waitUntilSettled(engine: Engine, { id, attempt, state }: Task): Promise<Task> {
  let notify = () => {};
  const stop = engine.onEvents((events) => {
    if (events.some(({ task }) => task === id)) notify();
  });
  try {
    for (;;) {
      const notified = new Promise<void>((resolve) => {
        notify = resolve;
      });
      const task = await engine.require(id);
      if (task.attempt !== attempt || task.state !== state || task.intent === null) return task;
      await Promise.race([notified, sleep(POLL_MS)]);
    }
  } finally {
    stop();
  }
}
