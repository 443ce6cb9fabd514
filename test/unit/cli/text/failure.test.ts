import { expect, test } from "vitest";
import { reportFailure } from "../../../../src/cli/text/failure.ts";
import { AgentctlError } from "../../../../src/core/errors.ts";
import { pathsOf } from "../../../../src/home/paths.ts";
import { printed } from "../fixtures.ts";

const paths = pathsOf({ AGENTCTL_HOME: "/h" });
const notPausable = new AgentctlError("TaskNotPausable", {
  id: 12,
  state: "submitted",
  allowed: ["working"],
});

test("a failure says on stderr what happened, and on the next line what helps", async () => {
  const { out, stdout, stderr } = printed();
  expect(await reportFailure(notPausable, out, { host: null, paths })).toBe(4);
  expect([stdout(), stderr()]).toEqual([
    "",
    "agentctl: task 12 is submitted: only a running task can be paused\n  agentctl hold 12 keeps it from being started\n",
  ]);
});

test("with --json a failure is an object on stdout", async () => {
  const { out, stdout, stderr } = printed({ json: true });
  await reportFailure(notPausable, out, { host: null, paths });
  expect([JSON.parse(stdout()), stderr()]).toEqual([
    {
      error: {
        name: "TaskNotPausable",
        code: -32016,
        message: "task 12 is submitted: only a running task can be paused",
        hint: "agentctl hold 12 keeps it from being started",
        data: { id: 12, state: "submitted", allowed: ["working"] },
      },
    },
    "",
  ]);
});

test("a bug exits with 70 and names the log", async () => {
  const { out, stderr } = printed();
  expect(await reportFailure(new TypeError("x is not a function"), out, { host: null, paths })).toBe(70);
  expect(stderr()).toBe(
    "agentctl: a bug in agentctl: x is not a function\n  the log says more: /h/daemon.log\n",
  );
});

test("where the daemon cannot be reached, its log is named, if there is one", async () => {
  const { out, stderr } = printed();
  const log = import.meta.filename;
  const error = new AgentctlError("VersionMismatch", { daemon: "1.0.0", client: "2.0.0" });
  const told =
    "agentctl: the daemon is version 1.0.0, this command is version 2.0.0\n  agentctl daemon restart\n";
  expect(await reportFailure(error, out, { host: null, paths })).toBe(5);
  expect(stderr()).toBe(told);
  await reportFailure(error, out, { host: null, paths: { ...paths, log } });
  expect(stderr()).toBe(`${told}  the daemon's log: ${log}\n`);
});

test("terminal control characters in a message are printed as escapes", async () => {
  const { out, stderr } = printed();
  await reportFailure(
    new AgentctlError("TaskNotFound", { id: "x" }, { message: "no \u001b[31mred\u202e" }),
    out,
    { host: null, paths },
  );
  expect(stderr()).toContain("no \\x1b[31mred\\u202e\n");
});

test.each([
  ["always", {}, true],
  ["never", { FORCE_COLOR: "1" }, false],
  ["auto", { FORCE_COLOR: "1" }, true],
  ["auto", { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ["auto", {}, false],
] as const)("--color %s with %j prints colours: %s", async (color, env, isColored) => {
  const { out, stderr } = printed({ color, env: { ...env } });
  await reportFailure(notPausable, out, { host: null, paths });
  expect(stderr().includes("\u001b[31magentctl:")).toBe(isColored);
});

test.each([
  ["DaemonUnreachable", 5],
  ["VersionMismatch", 5],
  ["InternalError", 70],
] as const)("%s of a daemon elsewhere does not name the log of this home", async (name, code) => {
  const { out, stderr } = printed();
  const error = new AgentctlError(name, { reason: "away", host: "unix:///nope.sock" });
  expect(await reportFailure(error, out, { host: null, paths })).toBe(code);
  expect(stderr()).not.toContain("/h/");
});
