import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import type { Handlers } from "../protocol/methods.ts";
import { isMethod, parseParams } from "../protocol/parse.ts";
import type { Connection, Request } from "./connection.ts";

/** Parses the params of a request by the method table and hands them to the method's handler. */
export function dispatcher(
  handlers: Handlers<Connection>,
  bug: (method: string, error: unknown) => void,
): (request: Request, connection: Connection) => Promise<unknown> {
  return async ({ method, params }, connection) => {
    if (connection.refusal) throw connection.refusal;
    if (!isMethod(method)) throw new AgentctlError("MethodNotFound", { method: method.slice(0, 200) });
    const handler = handlers[method] as (params: unknown, connection: Connection) => Promise<unknown>;
    const parsed = parseParams(method, params);
    try {
      return await handler(parsed, connection);
    } catch (error) {
      if (asAgentctlError(error).name === "InternalError") bug(method, error);
      throw error;
    }
  };
}
