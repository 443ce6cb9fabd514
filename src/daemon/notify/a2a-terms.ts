/** How A2A responses, streams and push messages describe a task in the protocol's terms. Does not need the SDK. */
import type { TaskJson } from "../../protocol/methods.ts";

/** The extension by which a task can be paused. The query of its URI names its version. */
export const PAUSE_URI = "https://github.com/agentctl/agentctl/blob/main/docs/a2a-pause.md?v=1";

/** Causes of pauses that end by themselves, besides pauses with an end time and those of queued tasks. */
const TRANSIENT_CAUSES = ["preempted", "shutdown"];

/** Returns whether a pause ends by itself. If not, somebody has to act. */
export function endsByItself({ state, pause, waiting }: TaskJson): boolean {
  if (!pause) return false;
  return (
    pause.until !== null ||
    TRANSIENT_CAUSES.includes(pause.cause) ||
    (state === "suspended" && waiting !== null)
  );
}

/** Returns the pause extension's metadata, or undefined if the task is not paused. */
export function pauseOf({ state, pause, checkpoint }: TaskJson): Record<string, unknown> | undefined {
  if (state !== "suspended" || !pause) return undefined;
  const { cause, reason, until } = pause;
  return { [PAUSE_URI]: { state, cause, reason, until, checkpoint } };
}

/** Returns the task's message about its state, or null if it has none. */
export function messageOf({ state, question, error, progress, pause }: TaskJson): string | null {
  if (state === "input-required") return question?.prompt ?? null;
  if (state === "failed") return error?.message ?? null;
  if (state === "suspended") return `paused${pause?.reason ? `: ${pause.reason}` : ""}`;
  if (state !== "working" || !progress) return null;
  const { done, total, message } = progress;
  return message ?? (total === null ? String(done) : `${done} of ${total}`);
}
