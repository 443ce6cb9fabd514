import { describe, expect, test } from "vitest";
import { AgentctlError, asAgentctlError, type ErrorName, errorRows } from "../../../src/core/errors.ts";

/** The documented error codes, on which programs rely, each with the command line's exit code. */
const documented: [code: number, name: ErrorName, exit: number][] = [
  [-32700, "ParseError", 2],
  [-32600, "InvalidRequest", 2],
  [-32601, "MethodNotFound", 2],
  [-32602, "InvalidParams", 2],
  [-32603, "InternalError", 70],
  [-32001, "TaskNotFound", 3],
  [-32002, "TaskNotCancelable", 4],
  [-32004, "UnsupportedOperation", 4],
  [-32008, "TaskImmutable", 4],
  [-32016, "TaskNotPausable", 4],
  [-32017, "TaskNotResumable", 4],
  [-32018, "CheckpointCorrupt", 4],
  [-32019, "CheckpointTooLarge", 1],
  [-32022, "StaleAttempt", 4],
  [-32023, "QueueNotFound", 3],
  [-32024, "QueueFull", 4],
  [-32025, "StoreUnavailable", 6],
  [-32026, "CheckpointNotFound", 3],
  [-32027, "AmbiguousName", 2],
  [-32028, "JournalMismatch", 4],
];

/** Further errors, added by commands, machines, agents and HTTP. */
const own: [code: number, name: ErrorName, exit: number][] = [
  [-32029, "ArtifactNotFound", 3],
  [-32041, "LogNotFound", 3],
  [-32040, "Moved", 4],
  [-32043, "BundleRefused", 4],
  [-32042, "ContextNotFound", 3],
  [-32044, "MachineNotFound", 3],
  [-32045, "MachineTaken", 6],
  [-32030, "VersionMismatch", 5],
  [-32031, "DaemonUnreachable", 5],
  [-32032, "HomeRefused", 5],
  [-32039, "InstallationRemoved", 5],
  [-32038, "ScheduleNotFound", 3],
  [-32033, "ConfigInvalid", 2],
  [-32034, "PauseFailed", 4],
  [-32050, "Unauthorized", 4],
  [-32051, "Forbidden", 4],
  [-32052, "NotFound", 3],
  [-32055, "MethodNotAllowed", 2],
  [-32053, "TooLarge", 2],
  [-32054, "TooMany", 4],
  [-32035, "SessionInUse", 4],
  [-32036, "SessionNotFound", 3],
  [-32037, "AgentFailed", 1],
];

const facts = {
  id: 7,
  state: "working",
  seq: 3,
  good: 2,
  size: 9,
  limit: 8,
  attempt: 2,
  queue: "gpu",
  schedule: "nightly",
  ref: "nightly",
  candidates: [3, 4],
  reason: "the reason",
  field: "name",
  method: "tasks/fly",
  expected: "a",
  found: "b",
  home: "/h",
  file: "/h/config.json",
  daemon: "1",
  client: "2",
  path: "/gone",
  agent: "claude",
  session: "7f3a",
  context: "box",
  machine: "box2",
  to: "ssh://box",
  as: 4,
};

test("the catalogue has the documented errors, and those of commands, machines, agents and HTTP", () => {
  const rows = errorRows.map(({ code, name, exit }) => [code, name, exit]);
  expect(rows).toEqual([...documented, ...own]);
});

test("no two errors have the same code", () => {
  expect(new Set(errorRows.map(({ code }) => code)).size).toBe(errorRows.length);
});

describe.each(errorRows.map(({ name }) => name))("%s", (name) => {
  test("says what happened in one line, with no missing value", () => {
    const { message } = new AgentctlError(name, facts);
    expect(message).toMatch(/^[^\n]{8,}$/);
    expect(message).not.toMatch(/undefined|null|\[object|!|please/i);
  });

  test("is the same after it crossed the socket", () => {
    const sent = new AgentctlError(name, facts);
    const arrived = AgentctlError.fromWire(JSON.parse(JSON.stringify(sent.toWire())));
    const { code, message, data, hint, exitCode } = sent;
    expect({ ...arrived }).toEqual({ name, code, data, hint, exitCode });
    expect(arrived.message).toBe(message);
  });
});

test("an error on the wire has its name and hint beside its facts", () => {
  expect(new AgentctlError("TaskNotFound", { id: 7 }).toWire()).toEqual({
    code: -32001,
    message: 'no task "7"',
    data: { id: 7, name: "TaskNotFound", hint: "agentctl list --all" },
  });
});

test("a newer daemon's error is recognized by its code, and an unknown code is InternalError", () => {
  const known = AgentctlError.fromWire({ code: -32001, message: "gone", data: { name: "TaskVanished" } });
  const unknown = AgentctlError.fromWire({ code: -1, message: "what" });
  expect([known.name, known.message, unknown.name, unknown.message]).toEqual([
    "TaskNotFound",
    "gone",
    "InternalError",
    "what",
  ]);
});

test("an expected failure stays as it is, and anything else becomes a bug with its cause", () => {
  const expected = new AgentctlError("QueueNotFound", { queue: "gpu" });
  const bug = new TypeError("x is not a function");
  expect(asAgentctlError(expected)).toBe(expected);
  expect(asAgentctlError(bug)).toMatchObject({ name: "InternalError", exitCode: 70, cause: bug });
  expect(asAgentctlError("text").message).toContain("text");
});

test.each(["EACCES", "ENOSPC", "EIO", "ESTALE", "ENOTDIR", "EMFILE", "ENOMEM"])(
  "the system error %s is not a bug, and says what helps",
  (code) => {
    const error = Object.assign(new Error(`${code}: refused, unlink '/home/me/x'`), { code });
    const told = asAgentctlError(error);
    expect(told).toMatchObject({ name: "StoreUnavailable", hint: expect.any(String), cause: error });
    expect(told.message).toContain("/home/me/x");
  },
);

describe("the hint of an error", () => {
  const hint = (name: ErrorName, state: string) => new AgentctlError(name, { id: 7, state }).hint;

  test.each([
    ["submitted", "agentctl hold 7 keeps it from being started"],
    ["input-required", "agentctl answer 7 <text>, or agentctl cancel 7; it holds no slot"],
    ["completed", "agentctl rerun 7"],
  ])("for a pause refused in state %s names the command that helps", (state, expected) => {
    expect(hint("TaskNotPausable", state)).toBe(expected);
  });

  test.each([
    ["submitted", "agentctl show 7 says what it waits for; agentctl release 7 if it is held"],
    ["working", "agentctl show 7"],
    ["resumed", "agentctl show 7"],
    ["input-required", "agentctl answer 7 <text>"],
    ["failed", "agentctl rerun 7"],
  ])("for a resume refused in state %s names the command that helps", (state, expected) => {
    expect(hint("TaskNotResumable", state)).toBe(expected);
  });

  test("for a corrupt checkpoint names the newest good one, or --from-start", () => {
    const corrupt = (good: number | null) => new AgentctlError("CheckpointCorrupt", { id: 7, seq: 3, good });
    expect(corrupt(2).hint).toContain("agentctl resume 7 --from 2");
    expect(corrupt(null).hint).toContain("agentctl resume 7 --from-start");
  });

  test("for a corrupt checkpoint of an ended task names rerun, not resume", () => {
    const corrupt = (state: string, good: number | null) =>
      new AgentctlError("CheckpointCorrupt", { id: 7, state, seq: 3, good }).hint;
    for (const state of ["completed", "failed", "canceled"]) {
      expect(corrupt(state, 2)).toBe("agentctl rerun 7 --from 2 goes on from the newest good checkpoint");
      expect(corrupt(state, null)).toBe("no good checkpoint is left: agentctl rerun 7 begins again");
    }
  });

  test("for a task without a checkpoint names --from-start, for a missing number the list", () => {
    const missing = (seq: number | null) => new AgentctlError("CheckpointNotFound", { id: 7, seq });
    expect(missing(null).hint).toContain("agentctl resume 7 --from-start");
    expect(missing(9).hint).toBe("agentctl checkpoint list 7");
  });

  test("for reading a checkpoint when none was saved names the list", () => {
    const reason = "has saved no checkpoint";
    const { message, hint } = new AgentctlError("CheckpointNotFound", { id: 7, reason });
    expect([message, hint]).toEqual(["task 7 has saved no checkpoint", "agentctl checkpoint list 7"]);
  });
});
