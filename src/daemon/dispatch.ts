import * as v from "valibot";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { type Handlers, type Method, methods } from "../protocol/methods.ts";
import type { Connection, Request } from "./connection.ts";

/** The field that an issue is about, as a path such as `labels.team`, or `params` for the whole. */
function fieldOf(issue: v.BaseIssue<unknown>): string {
  return v.getDotPath(issue) ?? "params";
}

/** What is wrong with params, by the first issue that is the most telling one. */
export function refusalOf(issues: readonly v.BaseIssue<unknown>[]): AgentctlError {
  const issue = issues[0] as v.BaseIssue<unknown>;
  const field = fieldOf(issue);
  const unknown = issue.type === "strict_object" && issue.expected === "never";
  const reason = unknown ? "there is no such field" : issue.message;
  return new AgentctlError("InvalidParams", { field, reason });
}

/** Parses the params of a request by the method table and hands them to the method's handler. */
export function dispatcher(
  handlers: Handlers<Connection>,
  bug: (method: string, error: unknown) => void,
): (request: Request, connection: Connection) => Promise<unknown> {
  return async ({ method, params }, connection) => {
    if (!Object.hasOwn(methods, method))
      throw new AgentctlError("MethodNotFound", { method: method.slice(0, 200) });
    const name = method as Method;
    const parsed = v.safeParse(methods[name].params as v.GenericSchema, params, { abortEarly: true });
    if (!parsed.success) throw refusalOf(parsed.issues);
    const handler = handlers[name] as (params: unknown, connection: Connection) => Promise<unknown>;
    try {
      return await handler(parsed.output, connection);
    } catch (error) {
      if (asAgentctlError(error).name === "InternalError") bug(method, error);
      throw error;
    }
  };
}
