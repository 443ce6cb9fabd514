import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type Method, methods, notifications } from "../../../src/protocol/methods.ts";
import { parseParams } from "../../../src/protocol/parse.ts";

/** The documented methods, by subject. */
const people = {
  tasks:
    "create get list pause resume cancel hold release rerun edit answer send delete wait subscribe export import moving moved",
  bundles: "read write",
  logs: "path read",
  checkpoints: "list get",
  artifacts: "list get read",
  worktrees: "list diff merge remove",
  queues: "list set hold release remove",
  schedules: "add list get pause resume remove run",
  hooks: "list test",
  daemon: "status stop ui backup",
};
const attempt = {
  attempt: "hello checkpoint step sleep ask progress artifact messages suspended suspend keep result",
};
/** Further methods, which only the host of a module or an agent calls. */
const ofHost = ["attempt/agent", "attempt/alive", "attempt/journal"];

/** Further methods, which only the command line calls. */
const own = ["tasks/batch", "daemon/hello", "daemon/reload"];

const named = (groups: Record<string, string>) =>
  Object.entries(groups).flatMap(([noun, verbs]) => verbs.split(" ").map((verb) => `${noun}/${verb}`));
const inTable = (scope: string) =>
  Object.entries(methods)
    .filter(([, method]) => method.scope === scope)
    .map(([name]) => name);

test("people may call the documented methods, and three that only the command line uses", () => {
  expect(inTable("people").sort()).toEqual([...named(people), ...own].sort());
});

test("a running task may call the documented methods, and three that only its host uses", () => {
  expect(inTable("attempt").sort()).toEqual([...named(attempt), ...ofHost].sort());
});

test("a running task is notified of pauses, cancels, messages and answers, and a subscriber of events", () => {
  expect(Object.keys(notifications).sort()).toEqual([
    "attempt/answer",
    "attempt/cancel",
    "attempt/message",
    "attempt/pause",
    "event",
  ]);
});

test("the error for a missing field says that it is missing, and an unknown field is named", () => {
  expect(() => parseParams("tasks/get", {})).toThrow("id: is missing");
  expect(() => parseParams("tasks/get", { id: 1, ids: 2 })).toThrow("ids: there is no such field");
});

test("a sentence describes each method and each notification", () => {
  const rows = [...Object.entries(methods), ...Object.entries(notifications)];
  expect(rows.filter(([, { about }]) => !/^[A-Z].{10,}\.$/.test(about)).map(([name]) => name)).toEqual([]);
});

test("every call of a running task may contain its token", () => {
  const bearers = Object.entries(methods).filter(
    ([, { params }]) => "entries" in params && "token" in params.entries,
  );
  expect(bearers.map(([name]) => name).sort()).toEqual([...named(attempt), ...ofHost].sort());
});

function problemOf(method: Method, params: unknown): string | null {
  const read = v.safeParse(methods[method].params as v.GenericSchema, params);
  if (read.success) return null;
  const [issue] = read.issues;
  return `${v.getDotPath(issue) ?? ""}: ${issue.message}`;
}

describe("one task or many", () => {
  test("a pause names either an id or a selector", () => {
    expect(problemOf("tasks/pause", { id: 1, mode: "freeze" })).toBeNull();
    expect(problemOf("tasks/pause", { select: { all: true }, graceMs: 0 })).toBeNull();
  });

  test("a refusal names the wrong field", () => {
    expect(problemOf("tasks/pause", { id: 1, mode: "stop" })).toMatch(/^mode: /);
    expect(problemOf("tasks/resume", { select: { queu: "x" } })).toMatch(/^select\.queu: /);
    expect(problemOf("tasks/pause", {})).toMatch(/^id: /);
  });
});

test.each([
  ["tasks/get", { id: 1, extra: true }, "extra"],
  ["tasks/list", { limit: 0 }, "limit"],
  ["tasks/list", { limit: 10_001 }, "limit"],
  ["tasks/list", { state: ["asleep"] }, "state.0"],
  ["tasks/resume", { id: 1, from: 0 }, "from"],
  ["tasks/cancel", { id: 1, graceMs: -1 }, "graceMs"],
  ["tasks/pause", { id: 1, until: "tomorrow" }, "until"],
  ["queues/set", { name: "gpu", slots: 1.5 }, "slots"],
  ["queues/set", { name: "g pu", slots: 1 }, "name"],
  ["attempt/step", { name: "" }, "name"],
  ["attempt/checkpoint", { label: "x".repeat(65) }, "label"],
  ["attempt/suspended", { for: "lunch" }, "for"],
] as [Method, object, string][])("%s refuses %j and names the field", (method, params, field) => {
  expect(problemOf(method, params)).toMatch(new RegExp(`^${field.replace(".", "\\.")}: `));
});
