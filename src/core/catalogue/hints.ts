/** The commands that help with a task in a state that does not allow what was asked. */
import { terminalStates } from "../machine.ts";

/**
 * Facts of a failure; `id`, `state` and `allowed` are there for every error about a task. On the wire `name` and `hint`
 * are the error's own, so no other fact bears these names.
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

/** Where a pause is refused. */
export function pauseHint({ id, state }: ErrorData): string | undefined {
  if (state === "submitted") return `agentctl hold ${id} keeps it from being started`;
  if (state === "input-required")
    return `agentctl answer ${id} <text>, or agentctl cancel ${id}; it holds no slot`;
  if (hasEnded({ state })) return `agentctl rerun ${id}`;
  return undefined;
}

/** Where a resume is refused. */
export function resumeHint({ id, state }: ErrorData): string | undefined {
  if (state === "submitted")
    return `agentctl show ${id} says what it waits for; agentctl release ${id} if it is held`;
  if (state === "input-required") return `agentctl answer ${id} <text>`;
  if (state === "working" || state === "resumed") return `agentctl show ${id}`;
  if (hasEnded({ state })) return `agentctl rerun ${id}`;
  return undefined;
}

/** A task that has ended is never resumed: another one goes on from its checkpoint. */
export function corruptHint({ id, state, good }: ErrorData): string {
  if (!good) {
    const again = hasEnded({ state }) ? `agentctl rerun ${id}` : `agentctl resume ${id} --from-start`;
    return `no good checkpoint is left: ${again} begins again`;
  }
  const onward = hasEnded({ state }) ? "rerun" : "resume";
  return `agentctl ${onward} ${id} --from ${good} goes on from the newest good checkpoint`;
}
