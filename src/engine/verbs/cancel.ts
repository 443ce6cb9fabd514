import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Intent, Task } from "../../core/task.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import { endTree } from "../attempt/end-tree.ts";
import { findActive } from "../attempt/find-active.ts";
import { cancelElsewhere, isElsewhere } from "../attempt/pause/elsewhere.ts";
import type { Engine } from "../engine.ts";
import { onceSettled } from "../once-settled.ts";
import { notCancelable, notPausable, refuseMoved } from "../refusals.ts";
import { forgetLimit } from "./agents/account.ts";

/** How long the end of a canceled task may wait for room on a full disk before the caller gets an error, in ms. */
const MAX_WAIT_MS = 3000;

export interface CancelOptions {
  graceMs?: number;
  reason?: string | null;
  actor: string;
  /** If false, return as soon as the request is durable. */
  wait?: boolean;
}

/**
 * Ends a task: sends TERM, and KILL after the grace time, to its whole tree. Resolves when the tree is gone and the
 * task is `canceled`; `changed` is false if it already was. Rejects with `TaskNotCancelable` if the task has ended
 * otherwise.
 */
export async function cancel(
  engine: Engine,
  ref: string | number,
  options: CancelOptions,
): Promise<{ task: Task; changed: boolean }> {
  return await onceSettled(engine, ref, async (task) => {
    refuseMoved(task);
    if (task.state === "canceled") return { task, changed: false };
    if (isTerminal(task.state)) throw notCancelable(task);
    if (isElsewhere(engine, task)) {
      const graceMs = options.graceMs ?? task.graceMs ?? engine.settings.cancelGraceMs;
      return await cancelElsewhere(engine, task, { ...options, graceMs, wait: options.wait ?? true });
    }
    const active = await findActive(engine, task);
    if (active) return await cancelActive(engine, active, task, options);
    if (task.state === "working" || task.frozen) return undefined;
    return { task: await cancelIdle(engine, task, options), changed: true };
  });
}

async function cancelIdle(engine: Engine, task: Task, options: CancelOptions): Promise<Task> {
  const canceled = await engine.store.apply({
    id: task.id,
    transition: "cancel",
    attempt: task.attempt,
    at: engine.clock.now(),
    cause: "cancel",
    actor: options.actor,
    set: { error: { name: "Canceled", code: null, message: cancelMessage(options), data: null } },
  });
  await forgetLimit(engine, canceled);
  engine.wake();
  return canceled;
}

function cancelMessage({ reason }: CancelOptions): string {
  return reason ? `canceled: ${reason}` : "canceled";
}

/** Returns undefined if the attempt ended otherwise; the caller then checks the task again. */
async function cancelActive(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  options: CancelOptions,
): Promise<{ task: Task; changed: boolean } | undefined> {
  const graceMs = options.graceMs ?? task.graceMs ?? engine.settings.cancelGraceMs;
  if (!active.isEnding && active.intent?.kind !== "cancel") {
    const intent: Intent = { kind: "cancel", actor: options.actor, reason: options.reason ?? null, graceMs };
    active.update({ recordError: await recordIntent(engine, active, intent) });
    engine.fault("cancel:after-request");
    if (active.pausing) active.failPause(notPausable(task, "it is being canceled"));
    active.request(intent);
    active.update({ canceling: endTree(engine, active, graceMs) });
  } else if (options.graceMs !== undefined && !active.isEnding) {
    // A second cancel can shorten the grace time.
    active.update({ canceling: endTree(engine, active, graceMs) });
  }
  const { recordError } = active;
  if (options.wait === false && recordError === null)
    return { task: await engine.require(task.id), changed: true };
  const ended = await Promise.race([
    active.ended.promise,
    rejectOnFailure(active),
    ...(recordError ? [rejectUnrecorded(active, recordError)] : []),
  ]);
  const failure = (await active.canceling) ?? active.endError;
  if (failure) throw failure;
  if (ended.state === "canceled") return { task: ended, changed: true };
  if (isTerminal(ended.state)) throw notCancelable(ended);
  return undefined;
}

/**
 * Makes the request durable, or returns why that fails. A task that fills the disk must still be ended; its end is
 * recorded when there is room. We do not release the reserved disk space before, because the task would fill it. In a
 * cluster this rejects instead: another machine may have the task by then.
 */
async function recordIntent(
  engine: Engine,
  { taskId, attempt }: ActiveAttempt,
  intent: Intent,
): Promise<AgentctlError | null> {
  try {
    await engine.store.intend([{ id: taskId, attempt, intent }]);
    return null;
  } catch (error) {
    const cause = asAgentctlError(error);
    if (cause.name !== "StoreUnavailable" || engine.cluster) throw error;
    engine.log.warn(
      { task: taskId, error: cause.message },
      "a cancel is carried out that cannot be recorded",
    );
    return cause;
  }
}

/** Rejects if there is no room in the store to record the end of the attempt; otherwise it never settles. */
async function rejectUnrecorded(
  { taskId, canceling, ended }: ActiveAttempt,
  cause: AgentctlError,
): Promise<never> {
  const failure = await canceling;
  const hasEnded = ended.promise.then(
    () => true,
    () => true,
  );
  if (failure || (await Promise.race([hasEnded, sleep(MAX_WAIT_MS, false, { ref: false })])))
    return await new Promise<never>(() => {});
  const reason = `nothing of task ${taskId} runs any more, and its end is recorded when there is room; a daemon that ends before forgets the cancel: ${cause.data.reason}`;
  throw new AgentctlError("StoreUnavailable", { ...cause.data, id: taskId, reason });
}

/** Rejects if the tree cannot be ended; otherwise it never settles. */
async function rejectOnFailure({ canceling }: ActiveAttempt): Promise<never> {
  const failure = await canceling;
  if (failure) throw failure;
  return await new Promise<never>(() => {});
}
