import type { TaskJson } from "../protocol/methods.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters and marks of direction are what is taken out
const HIDDEN_CHARS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Returns a task's text without characters that would mislead a reader. */
export function plain(text: string): string {
  return text.replace(HIDDEN_CHARS, "\ufffd");
}

/** Returns the title of a task. */
export function titleOf({ name, argv, module, id }: TaskJson): string {
  return plain(name ?? argv?.join(" ") ?? module?.path ?? `task ${id}`);
}

/** Returns a duration, rounded for people. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function ago(iso: string | null, now: number): string {
  return iso === null ? "–" : `${formatDuration(now - Date.parse(iso))} ago`;
}

/** Returns what a task waits for, says, or ended with. */
export function detailOf(task: TaskJson): string {
  const { state, question, waiting, pause, error, progress, usage } = task;
  if (question && state === "input-required") return plain(question.prompt);
  if (state === "suspended" && pause) return plain(describePause(pause));
  if (waiting) return plain(describeWaiting(waiting));
  if (error) return plain(error.message);
  if (progress?.message) return plain(progress.message);
  if (usage && state === "working") return plain(usageOf(usage));
  return "";
}

/** Returns what an agent has used. */
export function usageOf({ inputTokens, outputTokens, turns }: NonNullable<TaskJson["usage"]>): string {
  return `${inputTokens} tokens in, ${outputTokens} out, ${turns} turns`;
}

function describePause({ reason, cause, until }: NonNullable<TaskJson["pause"]>): string {
  const text = reason === null ? `paused by ${cause}` : `paused: ${reason}`;
  return until === null ? text : `${text}, until ${timeOf(until)}`;
}

function describeWaiting({ for: kind, on, until }: NonNullable<TaskJson["waiting"]>): string {
  if (kind === "hold") return on === null ? "is held" : `is held: ${on}`;
  if (kind === "time" && until !== null) return `waits until ${timeOf(until)}`;
  return `waits for ${kind}${on === null ? "" : ` ${on}`}`;
}

/** Returns a time in this browser's zone, as 2026-05-01 18:30:00. */
export function timeOf(iso: string): string {
  // The Swedish format is written this way.
  return new Date(iso).toLocaleString("sv-SE");
}
