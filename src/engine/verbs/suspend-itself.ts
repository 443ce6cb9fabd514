import { AgentctlError } from "../../core/errors.ts";
import type { Failure, SuspendCause } from "../../core/task.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import { carryOut } from "../attempt/pause/carry-out.ts";
import { prepare, record } from "../attempt/pause/request.ts";
import type { Engine } from "../engine.ts";

export interface SelfPause {
  cause: SuspendCause;
  reason: string | null;
  /** When the task resumes automatically; null leaves that to a user. */
  until: number | null;
  error: Failure | null;
}

/**
 * Pauses an attempt by checkpoint at its own request; resolves when the request is durable. Does nothing if a pause is
 * already in progress: a task may not replace the pause of a user.
 */
export async function suspendItself(engine: Engine, active: ActiveAttempt, pause: SelfPause): Promise<void> {
  const { cause, reason, until, error } = pause;
  if (active.intent?.kind === "pause") return;
  const task = await engine.require(active.taskId);
  if (!active.canRequest("pause")) {
    const problem = active.intent ? `a ${active.intent.kind} is under way` : "its process has ended";
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason: problem });
  }
  const options = { mode: "checkpoint", cause, reason, until, actor: "task", wait: false } as const;
  const request = prepare(engine, active, task, options);
  if (error) request.intent.error = error;
  await record(engine, [request]);
  await carryOut(engine, request, options);
}
