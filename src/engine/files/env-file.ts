import { readFileSync, statSync } from "node:fs";
import { explainReadError, fileTextOf, textOf } from "../../home/text.ts";
import { isNoRoom } from "../no-room.ts";

/** Thrown if a file of variables cannot be used. Its message has no value, because values are secrets. */
export class EnvFileRefused extends Error {
  /** Whether the file does not exist, so that it may be created later. */
  readonly isMissing: boolean;
  constructor(message: string, isMissing: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isMissing = isMissing;
  }
}

/**
 * Reads variables from a file in docker's format: `NAME=value` lines without quotes; a line that starts with `#` is a
 * comment; a value ends with its line. Throws {@link EnvFileRefused}, which names the first invalid line.
 */
export function readEnvFile(file: string): Record<string, string> {
  const variables: [string, string][] = [];
  for (const [index, bytes] of linesOf(bytesOf(file)).entries()) {
    const refuse = (problem: string) => new EnvFileRefused(`line ${index + 1} of ${file} ${problem}`, false);
    const line = index === 0 ? fileTextOf(bytes) : textOf(bytes);
    if (line === undefined) throw refuse("is not valid UTF-8");
    const text = line.replace(/\r$/, "").trimStart();
    if (text === "" || text.startsWith("#")) continue;
    if (text.includes("\u0000")) throw refuse("holds a NUL character");
    const separator = text.indexOf("=");
    if (separator < 0) throw refuse("is not of the form NAME=value");
    const name = text.slice(0, separator);
    if (name === "") throw refuse("has no name before its =");
    if (/\s/.test(name)) throw refuse(`has a space in the name ${JSON.stringify(name)}`);
    variables.push([name, text.slice(separator + 1)]);
  }
  return Object.fromEntries(variables);
}

function bytesOf(file: string): Buffer {
  try {
    // Reading a pipe would block the daemon until a program writes to it.
    if (statSync(file).isFile()) return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isNoRoom(code)) throw error;
    const reason = `${file} cannot be read: ${explainReadError(error)}`;
    throw new EnvFileRefused(reason, code === "ENOENT", { cause: error });
  }
  throw new EnvFileRefused(`${file} is not a file`, false);
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const end = bytes.indexOf(10, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    if (end < 0) break;
    start = end + 1;
  }
  return lines;
}
