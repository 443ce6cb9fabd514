/** Parsers for the texts of options. Each throws Refusal with what is accepted. */
import { constants } from "node:os";
import type { Environment } from "../../client/environment.ts";
import { type State, states } from "../../core/machine.ts";
import { UNCATCHABLE } from "../../core/signals.ts";
import { DURATION_FORMS, parseDuration, parseTime, systemClock, TIME_FORMS, toIso } from "../../core/time.ts";
import { inLocalZone, ZONE_HINT } from "../../home/local-zone.ts";
import { didYouMean } from "../../protocol/nearest.ts";
import { Refusal } from "./define.ts";

/** Parses a duration; returns milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new Refusal(`${JSON.stringify(text)} is not a duration; such as ${DURATION_FORMS}`);
  return ms;
}

/** How far in the past a time may be, in ms: a time typed to the minute may mean now. */
const PAST_TOLERANCE_MS = 60_000;

/** Parses a future time; returns it as ISO 8601. */
export function time(text: string, env: Environment): string {
  const now = systemClock.now();
  const timestamp = timeFrom(text, now, env);
  if (timestamp <= now - PAST_TOLERANCE_MS)
    throw new Refusal(`${JSON.stringify(text)} is in the past; it is now ${toIso(now)}`);
  return toIso(timestamp);
}

/** Parses a past time; returns it as ISO 8601. A duration counts back from now, `HH:MM` is its last occurrence. */
export function pastTime(text: string, env: Environment): string {
  const now = systemClock.now();
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return toIso(now - agoMs);
  const timestamp = timeFrom(text, now, env);
  return toIso(/^\d{1,2}:\d{2}$/.test(text.trim()) ? timestamp - 86_400_000 : timestamp);
}

function timeFrom(text: string, now: number, env: Environment): number {
  const timestamp = parseTime(text, now);
  if (timestamp === undefined)
    throw new Refusal(`${JSON.stringify(text)} is not a time; such as ${TIME_FORMS}`);
  const isLocal = parseDuration(text) === undefined && !/(Z|[+-]\d{2}:?\d{2})$/.test(text.trim().slice(10));
  if (!isLocal) return timestamp;
  const local = inLocalZone(env, () => parseTime(text, now));
  if (local !== undefined) return local;
  throw new Refusal(
    `the zone of ${JSON.stringify(text)} is not known: TZ=${env.TZ} is none that agentctl can compute with; ` +
      `write the time with its zone (2031-01-15T12:00-05:00), or ${ZONE_HINT}`,
  );
}

/** Returns a parser for a whole number from `least` to `most`. */
export function integer(min?: number, max?: number): (text: string) => number {
  return (text) => {
    const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    const isInRange = number >= (min ?? number) && number <= (max ?? number);
    if (Number.isSafeInteger(number) && isInRange) return number;
    throw new Refusal(`${JSON.stringify(text)} is not a whole number${rangeText(min, max)}`);
  };
}

/** Parses a sum of at least 0, which need not be whole. */
export function amount(text: string): number {
  const number = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw new Refusal(`${JSON.stringify(text)} is not a sum; such as 2 or 0.50`);
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

/** Parses `key=value`. */
export function pair(text: string): [string, string] {
  const separator = text.indexOf("=");
  if (separator <= 0) throw new Refusal(`${JSON.stringify(text)} is not of the form key=value`);
  return [text.slice(0, separator), text.slice(separator + 1)];
}

/** Parses `NAME=value`, or `NAME` for the caller's value. */
export function variable(text: string): [string, string | undefined] {
  if (text === "" || text.startsWith("="))
    throw new Refusal(`${JSON.stringify(text)} is not of the form NAME=value or NAME`);
  return text.includes("=") ? pair(text) : [text, undefined];
}

/** Parses the state of a task. */
export function state(text: string): State {
  const found = states.find((each) => each === text);
  if (found) return found;
  throw new Refusal(`${JSON.stringify(text)} is none of ${states.join(", ")}${didYouMean(text, states)}`);
}

/** Parses a signal that a program can handle: `SIGUSR1`, `USR1`, `usr1` or its number. Returns its name. */
export function signal(text: string): string {
  const upper = text.toUpperCase();
  const names = Object.keys(constants.signals);
  const byNumber = names.find((name) => String(constants.signals[name as NodeJS.Signals]) === text);
  const name = byNumber ?? (upper.startsWith("SIG") ? upper : `SIG${upper}`);
  if (UNCATCHABLE.includes(name)) throw new Refusal(`no program hears ${name}; such as TERM, INT, USR1`);
  if (names.includes(name)) return name;
  throw new Refusal(`${JSON.stringify(text)} is not a signal; use TERM, INT, USR1, …`);
}
