/**
 * The lines of a step file, in which a module host makes brief steps durable by itself: the daemon takes them from there
 * into the store. A line is `<crc> <number> <step as JSON>\t<result as JSON>\n`. Numbers rise by one; when its space is
 * used up, the file is written again from its beginning, so that a line of a lower number ends what is valid. The
 * checksum (CRC-32 over key and line) tells a line that a crash cut short, and one that an earlier attempt left there.
 */
import { crc32 } from "node:zlib";
import type { Step } from "../core/task.ts";

/** A step as the host of its attempt acknowledges it; `result` is "" for a step that gave nothing. */
export type StepRecord = Omit<Step, "position" | "attempt" | "size" | "kind">;

export interface NumberedStep extends StepRecord {
  number: number;
}

/** While a host writes steps, it says so at least this often (ms) by an `attempt/step` with `started: false`. */
export const WORD_EVERY_MS = 10;

const NEWLINE = 10;
const CHECKSUM_LENGTH = 8;

function checksum(key: string, line: string): string {
  return crc32(line, crc32(key)).toString(16).padStart(CHECKSUM_LENGTH, "0");
}

/** The line of one step. */
export function stepLine(key: string, { number, result, ...step }: NumberedStep): string {
  const line = `${number} ${JSON.stringify(step)}\t${result}`;
  return `${checksum(key, line)} ${line}\n`;
}

export interface StepLines {
  steps: NumberedStep[];
  /** How many bytes they take. */
  length: number;
}

/**
 * The lines at the beginning of `bytes`, as far as they are whole and rise by one: from `next` on, or where that is
 * undefined from whatever number the first one has.
 */
export function readStepLines(key: string, bytes: Buffer, next?: number): StepLines {
  const steps: NumberedStep[] = [];
  let length = 0;
  let expected = next;
  while (length < bytes.length && bytes[length] !== 0) {
    const end = bytes.indexOf(NEWLINE, length);
    const step = end < 0 ? undefined : readLine(key, bytes.toString("utf8", length, end));
    if (!step || (expected !== undefined && step.number !== expected)) break;
    steps.push(step);
    length = end + 1;
    expected = step.number + 1;
  }
  return { steps, length };
}

function readLine(key: string, text: string): NumberedStep | undefined {
  const line = text.slice(CHECKSUM_LENGTH + 1);
  if (!text.startsWith(`${checksum(key, line)} `)) return undefined;
  const space = line.indexOf(" ");
  const tab = line.indexOf("\t", space);
  return {
    ...(JSON.parse(line.slice(space + 1, tab)) as Omit<StepRecord, "result">),
    number: Number(line.slice(0, space)),
    result: line.slice(tab + 1),
  };
}
