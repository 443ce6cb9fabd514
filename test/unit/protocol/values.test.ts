import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { newTask } from "../../../src/protocol/task-values.ts";
import { cursor, env, labels, queueName, ref, taskName } from "../../../src/protocol/values.ts";

function problemOf(schema: v.GenericSchema, value: unknown): string | null {
  const read = v.safeParse(schema, value);
  if (read.success) return null;
  const [issue] = read.issues;
  const path = v.getDotPath(issue);
  return path ? `${path}: ${issue.message}` : issue.message;
}

const control = "may not contain control characters or line breaks";

const noName = "may not read as an id, a range or list of ids (3-7, 3,5) or a pattern (*, ?, [ or ])";

describe("a task's name", () => {
  test.each(["nightly", "7th run", "Größe 世界 🜚", "-", "a/b", "0x10", "1.5"])("may be %j", (name) => {
    expect(problemOf(taskName, name)).toBeNull();
  });

  test.each([
    ["12", noName],
    ["007", noName],
    ["3-7", noName],
    ["3,5", noName],
    ["build-*", noName],
    ["", "may not be empty"],
    ["x".repeat(129), "may have at most 128 characters"],
    ["a\nb", control],
    ["a\u001b[31mb", control],
    ["a\u0000b", control],
    ["a\u007f", control],
    ["a\u0085b", control],
    ["a\u2028b", control],
  ])("may not be %j", (name, message) => {
    expect(problemOf(taskName, name)).toBe(message);
  });
});

describe("a queue's name", () => {
  test.each(["default", "gpu-1", "größe"])("may be %j", (name) => {
    expect(problemOf(queueName, name)).toBeNull();
  });

  test.each(["", "a b", "a/b", "../x", "a\tb", "x".repeat(65)])("may not be %j", (name) => {
    expect(problemOf(queueName, name)).not.toBeNull();
  });
});

describe("a reference to a task", () => {
  test.each([1, "1", "nightly", "0195e0a0-0000-7000-8000-000000000000"])("can be %j", (value) => {
    expect(problemOf(ref, value)).toBeNull();
  });

  test.each([0, -1, 1.5, 2 ** 53, "", "x".repeat(201), null, {}, [1], true])("cannot be %j", (value) => {
    expect(problemOf(ref, value)).toBe("must be a task's id, uuid or name");
  });
});

describe("labels", () => {
  test("may have any short value, but no control characters in a key", () => {
    expect(problemOf(labels, { team: "red\nblue", "": "x" })).toContain("may not be empty");
    expect(problemOf(labels, { team: "red\nblue" })).toBeNull();
    expect(problemOf(labels, { "a\u001b": "x" })).toContain(control);
  });

  test("are at most 64, with at most 256 characters each", () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, "x"]));
    expect(problemOf(labels, many)).toBe("at most 64 labels");
    expect(problemOf(labels, { k: "x".repeat(257) })).toMatch(/^k: /);
  });
});

test("an environment may contain what the kernel accepts", () => {
  expect(problemOf(env, { PATH: "/bin", "with space": "\n", EMPTY: "" })).toBeNull();
  expect(problemOf(env, { "A=B": "x" })).toContain("the name of a variable may not contain =");
  expect(problemOf(env, { A: "x\u0000y" })).toBe("A: may not contain a NUL character");
});

describe("a new task", () => {
  test("accepts every documented field", () => {
    const given = {
      module: { path: "/m.ts" },
      input: { deep: [1, null] },
      name: "n",
      queue: "q",
      priority: -5,
      labels: { a: "b" },
      cwd: "/",
      env: { A: "b" },
      after: "n",
      notBefore: "2026-05-01T18:30:00Z",
      retries: 3,
      backoffMs: 1000,
      timeoutMs: 5,
      graceMs: 0,
      pauseMode: "freeze",
      pauseSignal: "SIGUSR1",
      onLost: "fail",
      key: "k",
      held: true,
    };
    expect(v.parse(newTask, given)).toEqual(given);
  });

  test.each([
    [{ argv: [] }, "argv: needs at least the program"],
    [{ argv: ["a\u0000"] }, "argv.0: may not contain a NUL character"],
    [{ module: "m.ts" }, "module: "],
    [{ cwd: "work" }, "cwd: must be an absolute path"],
    [{ notBefore: "soon" }, "notBefore: must be a time in ISO 8601"],
    [{ pauseSignal: "15" }, "pauseSignal: must be a signal's name"],
    [{ pauseSignal: "SIGFOO" }, "pauseSignal: must be a signal's name"],
    [{ pauseSignal: "kill" }, "pauseSignal: must be a signal's name"],
    [{ pauseSignal: "toString" }, "pauseSignal: must be a signal's name"],
    [{ labels: ["a"] }, "labels: Invalid type: Expected Object but received Array"],
    [{ labels: [] }, "labels: Invalid type"],
    [{ env: ["A=b"] }, "env: Invalid type"],
    [{ timeoutMs: 0 }, "timeoutMs: must be at least 1ms"],
    [{ timeoutMs: -5 }, "timeoutMs: "],
    [{ pauseMode: "stop" }, "pauseMode: "],
    [{ onLost: "retry" }, "onLost: "],
    [{ retries: -1 }, "retries: "],
    [{ priority: 0.5 }, "priority: "],
    [{ timeoutMs: Number.MAX_SAFE_INTEGER }, "timeoutMs: "],
    [{ key: "a\nb" }, "key: may not contain control characters"],
    [{ name: "5" }, "name: may not read as an id"],
    [{ command: "x" }, "command: "],
  ])("refuses %j and names the field", (given, message) => {
    expect(problemOf(newTask, given)).toMatch(new RegExp(`^${message}`));
  });
});

test.each(["INT", "SIGINT", "int", "sigint"])("the signal %s is read as SIGINT", (pauseSignal) => {
  expect(v.parse(newTask, { pauseSignal })).toEqual({ pauseSignal: "SIGINT" });
});

test("a cursor is accepted only in the form that a list returns", () => {
  expect(["0", "12", ""].map((text) => problemOf(cursor, text) === null)).toEqual([true, true, false]);
  for (const text of ["zzz", "-1", "1.5", "9".repeat(16)]) expect(problemOf(cursor, text)).not.toBeNull();
});

describe("a record", () => {
  const parsed = (text: string) => v.safeParse(labels, JSON.parse(text));

  test.each(["__proto__", "prototype", "constructor", "toString"])("keeps the name %s", (name) => {
    const { output, success } = parsed(`{"a": "1", "${name}": "2"}`);
    expect([success, Object.entries(output as object)]).toEqual([
      true,
      [
        ["a", "1"],
        [name, "2"],
      ],
    ]);
    expect(Object.getPrototypeOf(output)).toBe(Object.prototype);
  });

  test("refuses a bad value under such a name, and names it", () => {
    const bad = JSON.parse('{"__proto__": 7}');
    expect(problemOf(labels, bad)).toMatch(/^__proto__: .*string/);
    expect(problemOf(newTask, { labels: bad })).toMatch(/^labels.__proto__: .*string/);
  });
});
