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

/** Handlers that answer the method's name; what they are called for is the dispatcher's to say. */
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
] as const)("%s of a caller with %j and %j is answered with %s", async (method, caller, params, expected) => {
  expect(await outcomeOf(method, caller, params)).toBe(expected);
});

test("a caller that was refused once is refused with every call", async () => {
  const refusal = new AgentctlError("VersionMismatch", { daemon: "1", client: "2" });
  expect(await outcomeOf("daemon/status", { refusal })).toBe("VersionMismatch");
});
