/** Errors for a tree that the system does not let agentctl stop or end completely. They name the processes. */
import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import type { Task } from "../../../core/task.ts";
import { CannotEnd, CannotStop } from "../../../runner/index.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";

/** Returns the error of a pause that failed, with the processes that could not be stopped. */
export function pauseFailed(active: ActiveAttempt, error: unknown, state = "working"): AgentctlError {
  if (!(error instanceof CannotStop || error instanceof CannotEnd)) return asAgentctlError(error);
  const { message: reason, pids } = error;
  return new AgentctlError("PauseFailed", { id: active.taskId, state, reason, pids }, { cause: error });
}

/** Returns the error of a tree that could not be ended completely, with the processes that are still alive. */
export function endFailed(active: ActiveAttempt, error: unknown, state: string): AgentctlError {
  if (!(error instanceof CannotEnd)) return asAgentctlError(error);
  const { message: reason, pids } = error;
  const hint = `sudo kill ${pids.join(" ")} ends what is left`;
  return new AgentctlError(
    "UnsupportedOperation",
    { id: active.taskId, state, reason, pids, hint },
    { cause: error },
  );
}

/** Throws `PauseFailed` if we may not signal some process of the tree, which would run on after the pause. */
export function requireSignals(engine: Engine, active: ActiveAttempt): void {
  const [first] = active.running ? engine.runner.forbidden(active.running) : [];
  if (!first) return;
  const reason = `process ${first.pid} (${first.command}) cannot be stopped: it belongs to another user`;
  throw new AgentctlError("PauseFailed", { id: active.taskId, state: "working", reason, pids: [first.pid] });
}

/** Returns the error of a task that is suspended because its program ended, while other processes of it still run. */
export function runsOn({ id, state }: Task, { message, data }: AgentctlError): AgentctlError {
  const reason = `its program has ended, but ${message}`;
  return new AgentctlError("PauseFailed", { ...data, id, state, reason }, { hint: `agentctl show ${id}` });
}
