import { setImmediate as turn } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Intent, Task } from "../../core/task.ts";
import { type ActiveAttempt, dropTimers, failPause } from "../attempt/active-attempt.ts";
import type { Engine } from "../engine.ts";
import { hasMoved, notCancelable, notPausable } from "./refusals.ts";

export interface CancelOptions {
  graceMs?: number;
  reason?: string | null;
  actor: string;
  /** Answer as soon as the request is durable. */
  wait?: boolean;
}

/**
 * Ends a task: TERM, after the grace time KILL, to its whole tree. Answers when the tree is gone and the task is
 * `canceled`; `changed: false` where it was already. Rejects with `TaskNotCancelable` when it ended otherwise.
 */
export async function cancel(
  engine: Engine,
  ref: string | number,
  options: CancelOptions,
): Promise<{ task: Task; changed: boolean }> {
  for (;;) {
    const task = await engine.require(ref);
    if (task.state === "canceled") return { task, changed: false };
    if (isTerminal(task.state)) throw notCancelable(task);
    const active = await activeAttemptOf(engine, task);
    try {
      if (active) return await cancelLive(engine, active, task, options);
      if (task.state !== "working") return { task: await cancelIdle(engine, task, options), changed: true };
    } catch (error) {
      // It moved on while the request was under way: look again.
      if (!hasMoved(error)) throw error;
    }
  }
}

async function cancelIdle(engine: Engine, task: Task, options: CancelOptions): Promise<Task> {
  const canceled = await engine.store.apply({
    id: task.id,
    transition: "cancel",
    attempt: task.attempt,
    at: engine.clock.now(),
    cause: "cancel",
    actor: options.actor,
    set: { error: { name: "Canceled", code: null, message: because(options), data: null } },
  });
  engine.kick();
  return canceled;
}

/** The attempt of a task that has a process, as soon as that is made; undefined when it has none (any more). */
export async function activeAttemptOf(engine: Engine, task: Task): Promise<ActiveAttempt | undefined> {
  // The start is committed, and what follows it has its turn.
  if (task.state === "working" && !engine.active.has(task.id)) await turn();
  const active = engine.active.get(task.id);
  if (active && !active.running && !active.isEnding) await active.launched;
  return active;
}

function because({ reason }: CancelOptions): string {
  return reason ? `canceled: ${reason}` : "canceled";
}

async function cancelLive(engine: Engine, active: ActiveAttempt, task: Task, options: CancelOptions) {
  const graceMs = options.graceMs ?? task.graceMs ?? engine.settings.cancelGraceMs;
  if (!active.isEnding && active.intent?.kind !== "cancel") {
    const intent: Intent = { kind: "cancel", actor: options.actor, reason: options.reason ?? null, graceMs };
    await engine.store.intend([{ id: task.id, attempt: active.attempt, intent }]);
    engine.fault("cancel:after-request");
    if (active.pausing) failPause(active, notPausable(task, "it is being canceled"));
    active.intent = intent;
    active.canceling = canceling(engine, active, graceMs);
  } else if (options.graceMs !== undefined && !active.isEnding) {
    // A second cancel with a shorter grace time presses harder.
    active.canceling = canceling(engine, active, graceMs);
  }
  if (options.wait === false) return { task: await engine.require(task.id), changed: true };
  const ended = await Promise.race([active.ended.promise, failureOf(active)]);
  if (ended.state !== "canceled") {
    if (isTerminal(ended.state)) throw notCancelable(ended);
    return await cancel(engine, task.id, options);
  }
  return { task: ended, changed: true };
}

/** Rejects when the tree cannot be ended; else it never settles. */
async function failureOf({ canceling }: ActiveAttempt): Promise<never> {
  const failure = await canceling;
  if (failure) throw failure;
  return await new Promise<never>(() => {});
}

/** So long a module's host may take to say that it heard of its cancel; it is looked at again as often as it takes. */
const DEAF_MS = 700;
/** So much of that on the CPU shows that its event loop is blocked, and does not only wait for its turn. */
const BUSY_MS = 250;

/**
 * Aborts where a module blocks its own event loop: it hears neither of the cancel nor of SIGTERM, the grace time is of no
 * use to it, and whoever cancels it need not wait for that.
 */
function whenDeaf({ runner }: Engine, active: ActiveAttempt): AbortSignal {
  const deaf = new AbortController();
  const { running } = active;
  if (active.isModule && active.link && running) {
    const before = runner.cpuMs(running);
    const lookLater = () => void setTimeout(look, DEAF_MS).unref();
    const look = () => {
      if (active.isHearing || active.isEnding) return;
      if (runner.cpuMs(running) - before >= BUSY_MS) deaf.abort();
      else lookLater();
    };
    lookLater();
  }
  return deaf.signal;
}

/**
 * Tells the attempt and ends its tree; its end is concluded where every end is. Answers why it cannot be ended, such
 * as a process that may not be signalled: the task is then at work as before.
 */
export async function canceling(
  engine: Engine,
  active: ActiveAttempt,
  graceMs: number,
): Promise<AgentctlError | null> {
  dropTimers(active);
  active.link?.notify("attempt/cancel", { graceMs });
  try {
    engine.fault("cancel:before-end");
    if (active.running)
      await engine.runner.terminate(active.running, { graceMs, cut: whenDeaf(engine, active) });
    engine.fault("cancel:after-end");
    return null;
  } catch (error) {
    engine.log.error({ task: active.taskId, error: String(error) }, "a tree could not be ended");
    if (active.isEnding) return null;
    active.intent = null;
    const failed = { id: active.taskId, state: "working", reason: (error as Error).message };
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent: null }]).catch(() => {});
    return new AgentctlError("UnsupportedOperation", failed, { cause: error });
  }
}
