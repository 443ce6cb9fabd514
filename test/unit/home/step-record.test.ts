import { describe, expect, it } from "vitest";
import { type NumberedStep, readStepLines, stepLine } from "../../../src/home/step-record.ts";

const KEY = "1.2.abc";

function step(number: number, given: Partial<NumberedStep> = {}): NumberedStep {
  const times = { startedAt: 1, endedAt: 2 };
  return {
    number,
    name: "read",
    n: number,
    base: 0,
    call: number,
    alone: true,
    ...times,
    result: "1",
    ...given,
  };
}

const lines = (...steps: NumberedStep[]) => Buffer.from(steps.map((each) => stepLine(KEY, each)).join(""));

/** Returns a file of this size that begins with `bytes`. */
const padded = (bytes: Buffer, size = 4096) => Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);

describe("lines of steps", () => {
  it("are read as written, whatever characters their names and results contain", () => {
    const written = [
      step(7, { name: "tab\t, line\n, ä and \ud800", result: JSON.stringify("a\tb\nc\u2028 ü") }),
      step(8, { result: "" }),
      step(9, { alone: false, result: JSON.stringify({ "": [null, 1.5] }) }),
    ];
    const bytes = lines(...written);
    expect(readStepLines(KEY, padded(bytes))).toEqual({ steps: written, length: bytes.length });
    expect(readStepLines(KEY, padded(bytes), 7).steps).toHaveLength(3);
  });

  it("are read up to the last whole line, wherever the write was cut short", () => {
    const first = lines(step(1));
    const both = lines(step(1), step(2));
    for (let cut = first.length; cut < both.length; cut++) {
      expect(readStepLines(KEY, padded(both.subarray(0, cut)))).toEqual({
        steps: [step(1)],
        length: first.length,
      });
    }
    for (let at = first.length; at < both.length - 1; at++) {
      const spoilt = Buffer.from(both);
      spoilt[at] = (spoilt[at] ?? 0) ^ 1;
      expect(readStepLines(KEY, padded(spoilt)).steps, `byte ${at}`).toEqual([step(1)]);
    }
  });

  it("end before the remains of an older round in the same file", () => {
    const older = lines(step(1), step(2), step(3));
    for (const newer of [lines(step(4)), lines(step(4), step(5))]) {
      const file = Buffer.from(older);
      newer.copy(file);
      const { steps } = readStepLines(KEY, padded(file));
      expect(steps.map(({ number }) => number)).toEqual([4, 5].slice(0, steps.length));
      expect(steps.length).toBeGreaterThan(0);
    }
  });

  it("of another attempt or with a skipped number are ignored", () => {
    expect(readStepLines("1.3.abc", padded(lines(step(1)))).steps).toEqual([]);
    expect(readStepLines(KEY, padded(lines(step(2))), 1).steps).toEqual([]);
    expect(readStepLines(KEY, padded(Buffer.alloc(0))).steps).toEqual([]);
    expect(readStepLines(KEY, Buffer.alloc(0)).steps).toEqual([]);
  });
});
