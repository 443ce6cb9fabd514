import { expect, test } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import type { Caller } from "../../../src/daemon/caller.ts";
import { dispatcher } from "../../../src/daemon/dispatch.ts";
import { type Handlers, methods } from "../../../src/protocol/methods.ts";

const callerOf = (fields: Partial<Caller>): Caller => ({
  scopes: ["people", "attempt"],
  actor: "user",
  token: null,
  refusal: null,
  signal: new AbortController().signal,
  listener: null,
  ...fields,
});

/** Handlers that return the method's name. The dispatcher decides whether they are called. */
const handlers = Object.fromEntries(
  Object.keys(methods).map((name) => [name, async () => name]),
) as unknown as Handlers<Caller>;
const dispatch = dispatcher(handlers, () => {});

async function outcomeOf(method: string, caller: Partial<Caller>, params: object = {}): Promise<unknown> {
  try {
    return await dispatch({ method, params }, callerOf(caller));
  } catch (error) {
    return (error as AgentctlError).name;
  }
}

test.each([
  ["daemon/status", {}, {}, "daemon/status"],
  ["attempt/alive", { token: "t" }, {}, "attempt/alive"],
  ["attempt/alive", {}, { token: "t" }, "attempt/alive"],
  ["attempt/alive", {}, {}, "InvalidParams"],
  ["attempt/alive", { scopes: ["people"], token: "t" }, {}, "MethodNotFound"],
  ["daemon/status", { scopes: ["attempt"] }, {}, "MethodNotFound"],
  ["daemon/nothing", {}, {}, "MethodNotFound"],
  ["daemon/status", {}, { nothing: 1 }, "InvalidParams"],
] as const)("%s from a caller with %j and params %j gives %s", async (method, caller, params, expected) => {
  expect(await outcomeOf(method, caller, params)).toBe(expected);
});

test("every call of a refused caller is refused", async () => {
  const refusal = new AgentctlError("VersionMismatch", { daemon: "1", client: "2" });
  expect(await outcomeOf("daemon/status", { refusal })).toBe("VersionMismatch");
});
