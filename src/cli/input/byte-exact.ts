import { readFileSync, statSync } from "node:fs";
import { usage } from "../command/usage.ts";
import { shellLine } from "../text/terminal-text.ts";

/** What Node shows for bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";

/**
 * Refuses arguments that are not valid UTF-8: Node has changed them already, so a task would not get what was typed. If
 * the system does not show the bytes (macOS), assumes that a replacement character was typed.
 */
export function refuseUndecodable(words: readonly string[]): void {
  if (!words.some((word) => word.includes(REPLACEMENT))) return;
  const invalid = undecodableEntries("/proc/self/cmdline");
  const first = invalid[0];
  if (first === undefined) return;
  throw usage(`an argument is not valid UTF-8 and would not arrive as it is: ${shellLine([first])}`, {
    hint: "put it into a file or a script, and run that",
  });
}

/** Refuses a current directory whose name is not valid UTF-8: a task could not be told where it is. */
export function refuseUndecodableDirectory(path: string): void {
  if (!path.includes(REPLACEMENT) || isCurrentDirectory(path)) return;
  throw usage(
    `the name of the current directory is not valid UTF-8, so no task could run in it: ${shellLine([path])}`,
    {
      hint: "cd to another one, or --cwd <directory>",
    },
  );
}

/** Returns whether the path leads to the current directory. */
function isCurrentDirectory(path: string): boolean {
  const target = statSync(path, { throwIfNoEntry: false });
  const current = statSync(".", { throwIfNoEntry: false });
  return target !== undefined && target.ino === current?.ino && target.dev === current.dev;
}

/** Returns the names of variables whose values are not valid UTF-8. */
export function undecodableVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const isSuspect = Object.entries(env).some(([name, text]) => `${name}${text}`.includes(REPLACEMENT));
  if (!isSuspect) return [];
  return undecodableEntries("/proc/self/environ").map((entry) => entry.slice(0, entry.indexOf("=")));
}

function undecodableEntries(file: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return [];
  }
  const entries: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const nul = bytes.indexOf(0, start);
    const end = nul < 0 ? bytes.length : nul;
    const entry = bytes.subarray(start, end);
    const text = entry.toString("utf8");
    if (!Buffer.from(text, "utf8").equals(entry)) entries.push(text);
    start = end + 1;
  }
  return entries;
}
