import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Command } from "../../../../src/cli/command/define.ts";
import { parse } from "../../../../src/cli/command/parse.ts";
import { verb } from "../../../../src/cli/command/verbs.ts";
import { isModule, type RunValues, submissionOf } from "../../../../src/cli/input/submission.ts";
import { WHOLE_VARIABLE } from "../../../../src/core/inherited.ts";
import { aContext } from "../fixtures.ts";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "ac-run-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const caller = {
  PATH: "/bin",
  TOKEN: "secret",
  AGENTCTL_TOKEN: "t",
  AGENTCTL_TASK_ID: "3",
  AGENTCTL_HOME: "/h",
};

async function submitted(...words: string[]) {
  const context = aContext(caller, cwd);
  const parsed = await parse((await verb("run")) as Command, "agentctl run", words, { cwd, env: caller });
  if (parsed.help) throw new Error("help");
  const work = { operands: parsed.args, isMarked: parsed.isMarked };
  return await submissionOf(context, work, parsed.options as unknown as RunValues);
}

test("a program gets the caller's folder and environment, without agentctl's variables except the home", async () => {
  expect(await submitted("make", "test")).toEqual({
    argv: ["make", "test"],
    cwd,
    env: { PATH: "/bin", TOKEN: "secret", AGENTCTL_HOME: "/h", [WHOLE_VARIABLE]: "1" },
    inherited: { umask: process.umask(), nice: getPriority(), limits: expect.any(Object) },
  });
});

test("--no-inherit-env passes only the chosen variables", async () => {
  const { env } = await submitted("--no-inherit-env", "-e", "A=1", "-e", "TOKEN", "-e", "NOT_SET", "true");
  expect(env).toEqual({ A: "1", TOKEN: "secret" });
});

test("every option sets its field", async () => {
  const words =
    "--name n --queue q --priority -5 --label a=b --cwd sub --env-file e.env --after 7 --delay 1h --retries 2";
  const more =
    "--backoff 2s --timeout 1h --grace 5s --pause-mode freeze --pause-signal usr1 --on-lost fail --key k --hold";
  const rest =
    "--after-any build --after-failed 9 --slots 2 --attempt-timeout 1m --retry-on-timeout --nice 5";
  const {
    env: _env,
    inherited: _inherited,
    ...task
  } = await submitted(...words.split(" "), ...more.split(" "), ...rest.split(" "), "true");
  expect(task).toEqual({
    argv: ["true"],
    cwd: join(cwd, "sub"),
    name: "n",
    queue: "q",
    priority: -5,
    labels: { a: "b" },
    envFile: join(cwd, "e.env"),
    after: [
      { id: 7, when: "completed" },
      { id: "build", when: "ended" },
      { id: 9, when: "failed" },
    ],
    slots: 2,
    attemptTimeoutMs: 60_000,
    retryOnTimeout: true,
    nice: 5,
    notBefore: "2026-05-01T13:30:00.000Z",
    retries: 2,
    backoffMs: 2000,
    timeoutMs: 3_600_000,
    graceMs: 5000,
    pauseMode: "freeze",
    pauseSignal: "SIGUSR1",
    onLost: "fail",
    key: "k",
    held: true,
  });
});

test("a module gets its input as JSON, given directly or in a file", async () => {
  writeFileSync(join(cwd, "in.json"), '{"from":"file"}');
  writeFileSync(join(cwd, "task.ts"), "");
  expect(await submitted("task.ts", "--input", "[1]")).toMatchObject({
    module: join(cwd, "task.ts"),
    input: [1],
  });
  expect(await submitted("task.ts", "--input", "@in.json")).toMatchObject({ input: { from: "file" } });
});

test("an operand is a module if it is an existing module file or is named like one", () => {
  writeFileSync(join(cwd, "there.mjs"), "");
  const named = ["./a.cjs", "a.cts", "a.tsx", "./a.jsx"];
  const operands = [
    "there.mjs",
    "missing.ts",
    "missing.js",
    "./missing.js",
    "/x/y.mts",
    ...named,
    "make",
    "a.txt",
  ];
  expect(operands.filter((operand) => isModule(operand, { cwd }))).toEqual([
    "there.mjs",
    "missing.ts",
    "./missing.js",
    "/x/y.mts",
    ...named,
  ]);
});

test.each([
  [["--input", "{}", "make"], "--input is for task modules, and make is a program"],
  [["./task.ts", "--input", "{x"], /^--input: .*accepted are JSON/],
  [["./task.ts", "tea"], 'a task module takes its input by --input, not as an argument: "tea"'],
  [["--at", "08:00", "--delay", "1h", "true"], "either --delay or --at, not both"],
] as const)("%j is refused with a usage error", async (words, message) => {
  await expect(submitted(...words)).rejects.toThrow(message);
});
