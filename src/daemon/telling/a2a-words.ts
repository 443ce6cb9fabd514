/** What A2A clients are told of a task in words of the protocol, without the SDK: in answers and streams, and by push. */
import type { TaskJson } from "../../protocol/methods.ts";

/** The extension with which a task can be paused; its path names its version. */
export const PAUSE_URI = "https://github.com/agentctl/agentctl/blob/main/docs/a2a-pause.md?v=1";

/** Pauses that end by themselves, beside those with a time and those whose task is queued. */
const PASSING = ["preempted", "shutdown"];

/** Whether a pause ends by itself. If not, somebody has to act. */
export function endsByItself({ state, pause, waiting }: TaskJson): boolean {
  if (!pause) return false;
  return pause.until !== null || PASSING.includes(pause.cause) || (state === "suspended" && waiting !== null);
}

/** What the pause extension says of a paused task. */
export function pauseOf({ state, pause, checkpoint }: TaskJson): Record<string, unknown> | undefined {
  if (state !== "suspended" || !pause) return undefined;
  const { cause, reason, until } = pause;
  return { [PAUSE_URI]: { state, cause, reason, until, checkpoint } };
}

/** What the task says of its state; null where it says nothing. */
export function saidOf({ state, question, error, progress, pause }: TaskJson): string | null {
  if (state === "input-required") return question?.prompt ?? null;
  if (state === "failed") return error?.message ?? null;
  if (state === "suspended") return `paused${pause?.reason ? `: ${pause.reason}` : ""}`;
  if (state !== "working" || !progress) return null;
  const { done, total, message } = progress;
  return message ?? (total === null ? String(done) : `${done} of ${total}`);
}
