/** When a task ran and when it was paused, in chronological order. */
import { formatDuration } from "../../../core/time.ts";
import type { Result } from "../../../protocol/methods.ts";
import { oneLine } from "../terminal-text.ts";
import { whenText } from "../when.ts";

type Detailed = Result<"tasks/get">["task"];

interface Entry {
  start: string;
  end: string | null;
  title: string;
  outcome: string;
}

/** Returns one row for each attempt and each pause: when, what, how long, and the outcome. */
export function timeLine(task: Detailed, now: number): string[][] {
  const entries = [...attemptsOf(task), ...pausesOf(task)];
  return entries
    .sort((a, b) => Date.parse(a.start) - Date.parse(b.start))
    .map(({ start, end, title, outcome }) => [
      whenText(start, now),
      title,
      durationText(start, end, now),
      outcome,
    ]);
}

function durationText(start: string, end: string | null, now: number): string {
  const ms = (end === null ? now : Date.parse(end)) - Date.parse(start);
  const rounded = ms < 10_000 ? ms : ms - (ms % 1000);
  return `${formatDuration(Math.max(0, rounded))}${end === null ? " so far" : ""}`;
}

function attemptsOf({ attempts = [] }: Detailed): Entry[] {
  return attempts.map(({ n, pid, machine, startedAt, endedAt, outcome, exitCode, signal }) => {
    const outcomeText = [outcome, signal ?? (exitCode === null ? null : `exit ${exitCode}`)]
      .filter(Boolean)
      .join(", ");
    const where = `${pid === null ? "" : `, pid ${pid}`}${machine == null ? "" : ` on ${machine}`}`;
    return { start: startedAt, end: endedAt, title: `attempt ${n}${where}`, outcome: outcomeText };
  });
}

/**
 * Returns the pauses. Each is an event into `suspended`; a pause that takes a frozen task further is an event within
 * it. The rest comes from the attempt, the journal, and the last pause.
 */
function pausesOf({ events = [], attempts = [], steps = [], pause }: Detailed): Entry[] {
  const pauses = events.filter(
    ({ from, to, cause }) => to === "suspended" && (from !== to || cause === "pause"),
  );
  return pauses.map(({ seq, at, cause, actor, attempt, data }, index) => {
    const isLast = index === pauses.length - 1;
    const endedAttempt = attempts.find(
      ({ n, endedAt }) => n === attempt && endedAt !== null && endedAt <= at,
    );
    const outcome = isLast ? pause?.outcome : (endedAttempt?.outcome ?? "frozen");
    const step = steps.filter(({ endedAt }) => endedAt <= at).at(-1);
    const parts = [
      outcome ?? "",
      step ? `after step ${JSON.stringify(oneLine(step.name))}` : "",
      typeof data?.reason === "string" ? oneLine(data.reason) : "",
    ].filter((part) => part !== "");
    const next = events.find((event) => event.seq > seq && event.to !== null && event.to !== "suspended");
    const title = cause === "pause" ? `paused by ${oneLine(actor)}` : `paused: ${cause}`;
    return { start: at, end: next?.at ?? null, title, outcome: parts.join(", ") };
  });
}
