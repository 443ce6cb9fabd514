/**
 * The format of a step file, in which a module host makes short steps durable; the daemon copies them to the store.
 * A line is `<crc> <number> <step as JSON>\t<result as JSON>\n`. Numbers rise by one. When the file is full, the host
 * writes it again from the start, so the valid part ends at the first line with a lower number. The checksum (CRC-32
 * over key and line) detects a line that a crash cut short, or that an earlier attempt wrote.
 */
import { crc32 } from "node:zlib";
import type { Step } from "../core/task.ts";

/** A step as the host of its attempt acknowledges it; `result` is "" for a step without a result. */
export type StepRecord = Omit<Step, "position" | "attempt" | "size" | "kind">;

export interface NumberedStep extends StepRecord {
  number: number;
}

/** A host reports a written step by `attempt/step` with `started: false`, unless it did so within this time (in ms). */
export const REPORT_INTERVAL_MS = 10;

const NEWLINE = 10;
const CHECKSUM_LENGTH = 8;

function checksum(key: string, line: string): string {
  return crc32(line, crc32(key)).toString(16).padStart(CHECKSUM_LENGTH, "0");
}

/** Returns the line of one step. */
export function stepLine(key: string, { number, result, ...step }: NumberedStep): string {
  const line = `${number} ${JSON.stringify(step)}\t${result}`;
  return `${checksum(key, line)} ${line}\n`;
}

export interface StepLines {
  steps: NumberedStep[];
  /** How many bytes the lines take. */
  length: number;
}

/**
 * Parses the lines at the start of `bytes` as long as they are complete and their numbers rise by one. The first number
 * must be `next`; if `next` is undefined, any first number is accepted.
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
