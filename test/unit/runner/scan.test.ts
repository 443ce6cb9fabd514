import { describe, expect, test } from "vitest";
import { parseStat } from "../../../src/runner/tree/processes-linux.ts";
import { createCalm } from "../../../src/runner/tree/scan.ts";

const clean = { isDone: true, vanished: 0 };
const busy = { isDone: false, vanished: 0 };
const hazy = { isDone: true, vanished: 1 };

describe("a tree is at rest", () => {
  test.each([
    ["after two clean passes in a row", [clean, clean], true],
    ["not after one", [busy, clean], false],
    ["not after two with work between them", [clean, busy, clean], false],
    ["not while processes vanish", [clean, hazy, clean, hazy, clean], false],
    ["after ten passes without work, whatever vanishes", Array.from({ length: 10 }, () => hazy), true],
  ])("%s", (_, passes, isCalm) => {
    const calm = createCalm();
    expect(passes.map((pass) => calm.after(pass)).at(-1)).toBe(isCalm);
  });
});

describe("a line of /proc/<pid>/stat", () => {
  const line = (command: string, state: string, threads: number) =>
    `42 (${command}) ${state} 7 42 42 0 -1 4194304 90 0 0 0 1 2 0 0 20 0 ${threads} 0 179391 2777088 224 1`;

  test.each([
    ["an ordinary one", line("sleep", "S", 1), { command: "sleep", state: "S" }],
    ["with a command that imitates it", line("x) R 1 (y", "T", 1), { command: "x) R 1 (y", state: "T" }],
    ["of a zombie", line("sh", "Z", 1), { command: "sh", state: "Z" }],
    ["whose first thread alone has ended", line("sh", "Z", 3), { command: "sh", state: "S" }],
  ])("%s is read", (_, text, expected) => {
    expect(parseStat(text)).toMatchObject({ pid: 42, ppid: 7, startTime: 179391, ...expected });
  });

  test("cut off is refused", () => {
    expect(parseStat("42 (sle")).toBeUndefined();
  });
});
