import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { type Handlers, methods } from "../protocol/methods.ts";
import { isMethod, parseParams } from "../protocol/parse.ts";
import type { Caller } from "./caller.ts";

/** A call whose form has been checked, but not its method and params. */
export interface Call {
  method: string;
  params: unknown;
}

/** Carries out a call. Rejects with the error for the response. */
export type Dispatch = (call: Call, caller: Caller) => Promise<unknown>;

/**
 * Returns a function that checks each call against the method table (its params, and who may call it) and passes it to
 * the method's handler. `reportBug` receives errors that no caller should ever see. `explain` adds helpful details to an
 * error.
 */
export function dispatcher(
  handlers: Handlers<Caller>,
  reportBug: (method: string, error: unknown) => void,
  explain: (error: unknown) => Promise<unknown> = async (error) => error,
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
      if (asAgentctlError(error).name === "InternalError") reportBug(method, error);
      throw await explain(error);
    }
  };
}

/** Throws unless the call, or an earlier `attempt/hello`, gave a token. It authorises what a running task asks for. */
function requireToken(params: { token?: string }, caller: Caller): void {
  if ((params.token ?? caller.token) !== null) return;
  const reason = "give AGENTCTL_TOKEN, or say attempt/hello first";
  throw new AgentctlError("InvalidParams", { field: "token", reason });
}
