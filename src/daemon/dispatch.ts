import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { type Handlers, methods } from "../protocol/methods.ts";
import { isMethod, parseParams } from "../protocol/parse.ts";
import type { Caller } from "./caller.ts";

/** What is called; its form is checked, its method and params are not. */
export interface Call {
  method: string;
  params: unknown;
}

/** Carries out a call; rejects with what it is to be answered. */
export type Dispatch = (call: Call, caller: Caller) => Promise<unknown>;

/**
 * Holds each call to the method table, which says what its params are and who may call it, and hands it to the method's
 * handler. `bug` is told of what no caller should ever see; `explained` adds to an error what helps with it.
 */
export function dispatcher(
  handlers: Handlers<Caller>,
  bug: (method: string, error: unknown) => void,
  explained: (error: unknown) => Promise<unknown> = async (error) => error,
): Dispatch {
  return async ({ method, params }, caller) => {
    if (caller.refusal) throw caller.refusal;
    if (!isMethod(method)) throw new AgentctlError("MethodNotFound", { method: method.slice(0, 200) });
    const { scope } = methods[method];
    if (!caller.scopes.includes(scope)) throw new AgentctlError("MethodNotFound", { method });
    const handler = handlers[method] as (params: unknown, caller: Caller) => Promise<unknown>;
    const parsed = parseParams(method, params);
    if (scope === "attempt") requireToken(parsed as { token?: string }, caller);
    try {
      return await handler(parsed, caller);
    } catch (error) {
      if (asAgentctlError(error).name === "InternalError") bug(method, error);
      throw await explained(error);
    }
  };
}

/** What a running task asks for is authorised by the attempt's token, in each call or once with the hello. */
function requireToken(params: { token?: string }, caller: Caller): void {
  if ((params.token ?? caller.token) !== null) return;
  const reason = "give AGENTCTL_TOKEN, or say attempt/hello first";
  throw new AgentctlError("InvalidParams", { field: "token", reason });
}
