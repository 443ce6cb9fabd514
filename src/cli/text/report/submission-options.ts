import type { Inherited } from "../../../core/inherited.ts";
import { formatDuration } from "../../../core/time.ts";
import { oneLine } from "../terminal-text.ts";
import { whenText } from "../when.ts";

/** The umask that almost every shell has. */
const USUAL_UMASK = 0o022;

/**
 * Returns the fields of a submission as names and texts for a person: durations and times as people write them, objects
 * as JSON. Leaves out the umask and nice value of the caller's shell if they are usual; JSON output has all fields.
 */
export function submittedOptions(fields: Record<string, unknown>, now: number): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]) => rowsOf(name, value, now));
}

function rowsOf(name: string, value: unknown, now: number): [string, string][] {
  if (name === "inherited") return inheritedRows(value as Inherited);
  if (/Ms$/.test(name)) return [[name.slice(0, -2), formatDuration(Number(value))]];
  if (name === "notBefore") return [["at", whenText(new Date(Number(value)).toISOString(), now)]];
  return [[name, oneLine(typeof value === "string" ? value : JSON.stringify(value))]];
}

function inheritedRows({ umask, nice }: Inherited): [string, string][] {
  const rows: [string, string][] = [];
  if (umask !== USUAL_UMASK) rows.push(["umask", umask.toString(8).padStart(3, "0")]);
  if (nice !== 0) rows.push(["nice", `${nice}`]);
  return rows;
}
