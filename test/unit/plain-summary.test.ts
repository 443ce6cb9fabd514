import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../harness/command.ts";

const root = join(import.meta.dirname, "../..");
const reporter = join(root, "test/harness/plain-summary-reporter.ts");
let dir: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "ac-")));
});

afterEach(() => rmSync(dir, { recursive: true }));

/** Runs these test files in a separate Vitest. */
async function runOf(files: Record<string, string>) {
  for (const [name, source] of Object.entries(files)) {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, source);
  }
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--root", dir, "--globals", "--retry", "1", "--reporter", "default"];
  args.push("--reporter", reporter);
  const { code, stdout } = await runCommand(process.execPath, args, { env: { PATH: process.env.PATH } });
  return { code, lastLine: stdout.trimEnd().split("\n").at(-1), stdout };
}

test("the last line counts the tests of all files, and skipped tests only if there are any", async () => {
  const files = {
    "a.test.js": 'test("a", () => {});',
    "b.test.js": 'test("b", () => {}); test("c", () => {});',
  };
  expect(await runOf(files)).toMatchObject({ code: 0, lastLine: "3 passed, 0 failed" });
});

test("a file that does not load and an error outside of any test count as failed", async () => {
  const files = {
    "skips.test.js":
      'test("a", () => {}); test["skip"]("b", () => {}); test("c", () => { throw new Error(); });',
    "broken.test.js": 'import "./not-there.js";',
    "late.test.js": 'test("d", () => { void Promise.reject(new Error("late")); });',
  };
  expect(await runOf(files)).toMatchObject({ code: 1, lastLine: "2 passed, 3 failed, 1 skipped" });
});

test("the summary names each skipped test with its reason", async () => {
  const files = {
    "a.test.js": 'test("a", ({ skip }) => skip(true, "needs a moon")); test["skip"]("b", () => {});',
  };
  const { stdout, ...rest } = await runOf(files);
  expect(rest).toEqual({ code: 0, lastLine: "0 passed, 0 failed, 2 skipped" });
  expect(stdout).toContain("\nskipped, needs a moon:\n  a\n");
  expect(stdout).toContain("skipped, no reason given:\n  b\n");
});

test("the summary names each test that passes only at the second try", async () => {
  const files = { "a.test.js": 'let n = 0; describe("a", () => test("b", () => expect(++n).toBe(2)));' };
  const { stdout, ...rest } = await runOf(files);
  expect(rest).toEqual({ code: 0, lastLine: "1 passed, 0 failed" });
  expect(stdout).toContain("\npassed at the second try: a > b\n  expected 1 to be 2");
});
