import { Cron } from "croner";
import { AgentctlError } from "../core/errors.ts";
import { parseDuration } from "../core/time.ts";
import { Zone } from "./zone.ts";

const acceptedForms = `five or six fields such as "30 2 * * MON-FRI", or @hourly, @daily, @weekly, @monthly, @yearly, or "@every 90m"`;

/** The shortest interval of `@every`, in ms: as short as six fields allow. */
const MIN_INTERVAL_MS = 1000;

/** The times of an expression, in ms since 1970. */
interface Times {
  /** Returns the first time after `at`. */
  after(at: number): number | null;
  /** Returns the last time up to and including `at`. */
  latest(at: number): number | null;
}

/**
 * Returns the times of a cron expression in a time zone, or of `@every <duration>`, whose intervals begin at `since`.
 * A wall-clock time that does not exist on a day is replaced by the next one that does; one that exists twice counts
 * once. An expression without fixed hours also runs in an hour that occurs twice. Throws `InvalidParams` for an invalid
 * expression or zone.
 */
export function cronTimes(cron: string, tz: string, since: number): Times {
  const zone = requireZone(tz);
  const [isInterval, duration = ""] = /^@every\b(.*)$/i.exec(cron.trim()) ?? [];
  if (isInterval) return intervalTimes(parseInterval(cron, duration), since);
  const times = parseCron(cron, zone);
  return namesHours(cron) ? wallClockTimes(parseCron(cron, "UTC"), new Zone(zone)) : hourlyTimes(times);
}

function intervalTimes(interval: number, since: number): Times {
  const latest = (at: number) => at - ((((at - since) % interval) + interval) % interval);
  return { after: (at) => latest(at) + interval, latest };
}

function parseInterval(cron: string, duration: string): number {
  const ms = parseDuration(duration);
  if (ms !== undefined && ms >= MIN_INTERVAL_MS) return ms;
  throw cronRefusal(
    cron,
    ms === undefined ? "@every takes a duration" : "its interval is shorter than a second",
  );
}

function namesHours(cron: string): boolean {
  const fields = cron.trim().split(/\s+/);
  return fields.length === 1
    ? !/^@(hourly|secondly|minutely)$/i.test(cron.trim())
    : !/^[*?]/.test(fields.at(-4) ?? "");
}

/** Computes on the wall clock: in a zone, the library skips missing times, and may return a repeated time twice. */
function wallClockTimes(wall: Cron, zone: Zone): Times {
  return {
    after: (at) => {
      let next = wall.nextRun(new Date(at + zone.offset(at) - 1));
      while (next && zone.momentOf(next.getTime()) <= at) next = wall.nextRun(next);
      return next && zone.momentOf(next.getTime());
    },
    latest: (at) => {
      let [last] = wall.previousRuns(1, new Date(zone.latestShown(at) + 1));
      while (last && zone.momentOf(last.getTime()) > at) [last] = wall.previousRuns(1, last);
      return last ? zone.momentOf(last.getTime()) : null;
    },
  };
}

function hourlyTimes(times: Cron): Times {
  return {
    after: (at) => times.nextRun(new Date(at))?.getTime() ?? null,
    // The library returns only times before its reference.
    latest: (at) => times.previousRuns(1, new Date(at + 1))[0]?.getTime() ?? null,
  };
}

function parseCron(cron: string, timezone: string): Cron {
  try {
    const text = cron.trim();
    // The library would also accept a single date.
    if (!/^(@[a-z]+|\S+(\s+\S+){4,5})$/i.test(text)) throw new Error("it has neither five nor six fields");
    const times = new Cron(text, { timezone, paused: true, mode: "5-or-6-parts" });
    if (times.nextRun()) return times;
    throw new Error("no such time ever comes");
  } catch (error) {
    const isAtBoot = /^@reboot$/i.test(cron.trim());
    const why = isAtBoot ? "no schedule runs at a start of the machine" : reasonText(error as Error);
    throw cronRefusal(cron, why, error);
  }
}

function cronRefusal(cron: string, why: string, cause?: unknown): AgentctlError {
  const reason = `${JSON.stringify(cron)} is refused: ${why}; accepted are ${acceptedForms}`;
  return new AgentctlError("InvalidParams", { field: "cron", reason }, { cause });
}

function requireZone(tz: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: tz }).resolvedOptions().timeZone;
  } catch (cause) {
    const reason = `${JSON.stringify(tz)} is not a time zone; accepted are names such as UTC and Europe/Berlin`;
    throw new AgentctlError("InvalidParams", { field: "tz", reason }, { cause });
  }
}

function reasonText({ message }: Error): string {
  return message.replace(/^CronPattern: /, "").replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}
