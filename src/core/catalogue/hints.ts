/** The commands that help when the state of a task does not allow what was requested. */
import { terminalStates } from "../machine.ts";

/**
 * Facts about a failure; every error about a task has `id`, `state` and `allowed`. The error itself uses `name` and
 * `hint` on the wire, so no other fact may have these names.
 */
export type ErrorData = Record<string, unknown>;

/** One expected failure. */
export interface Row {
  code: number;
  exit: number;
  message: (data: ErrorData) => string;
  hint?: (data: ErrorData) => string | undefined;
}

const hasEnded = ({ state }: ErrorData) => terminalStates.some((each) => each === state);

/** Returns the hint for a refused pause. */
export function pauseHint({ id, state }: ErrorData): string | undefined {
  if (state === "submitted") return `agentctl hold ${id} keeps it from being started`;
  if (state === "input-required")
    return `agentctl answer ${id} <text>, or agentctl cancel ${id}; it holds no slot`;
  if (hasEnded({ state })) return `agentctl rerun ${id}`;
  return undefined;
}

/** Returns the hint for a refused resume. */
export function resumeHint({ id, state }: ErrorData): string | undefined {
  if (state === "submitted")
    return `agentctl show ${id} says what it waits for; agentctl release ${id} if it is held`;
  if (state === "input-required") return `agentctl answer ${id} <text>`;
  if (state === "working" || state === "resumed") return `agentctl show ${id}`;
  if (hasEnded({ state })) return `agentctl rerun ${id}`;
  return undefined;
}

/** Returns the hint for a corrupt checkpoint. An ended task is never resumed: a rerun continues from its checkpoint. */
export function corruptHint({ id, state, good }: ErrorData): string {
  if (!good) {
    const command = hasEnded({ state }) ? `agentctl rerun ${id}` : `agentctl resume ${id} --from-start`;
    return `no good checkpoint is left: ${command} begins again`;
  }
  const command = hasEnded({ state }) ? "rerun" : "resume";
  return `agentctl ${command} ${id} --from ${good} goes on from the newest good checkpoint`;
}
