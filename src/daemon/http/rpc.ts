/** `POST /rpc`: the methods that people may call, one JSON-RPC 2.0 request at a time. */
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { begin, sendJson } from "./answer.ts";
import { jsonOf } from "./body.ts";
import { inTurn } from "./bounds.ts";
import { callerOf } from "./http-caller.ts";
import type { Services } from "./services.ts";

/** Methods that belong to the socket, with what to use instead. */
const refusedMethods: Readonly<Record<string, string>> = {
  "tasks/subscribe": "GET /events tells events over HTTP",
  "daemon/stop": "the daemon is not stopped over HTTP; agentctl daemon stop does it",
  "daemon/ui": "agentctl ui makes an address for a browser",
  "daemon/hello": "the version is in GET /healthz",
};

const LARGE_METHODS: ReadonlySet<string> = new Set(["tasks/list", "checkpoints/get"]);

type Id = string | number | null;

/** Responds to one request. Every failure of a call is a JSON-RPC error with status 200. */
export function rpcOf(services: Services) {
  const call = async (method: string, params: unknown, response: ServerResponse) => {
    if (method === "rpc.discover") return discovery(services);
    const reason = Object.hasOwn(refusedMethods, method) ? refusedMethods[method] : undefined;
    if (reason !== undefined) throw new AgentctlError("UnsupportedOperation", { reason, method });
    const work = () => services.dispatch({ method, params: params ?? {} }, callerOf(response, "user"));
    return await (LARGE_METHODS.has(method) ? inTurn(response, work) : work());
  };
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let id: Id | undefined = null;
    try {
      const message = messageOf(await jsonOf(request));
      id = message.id;
      const result = await call(message.method, message.params, response);
      if (id !== undefined) return sendJson(response, 200, { jsonrpc: "2.0", id, result });
    } catch (thrown) {
      const error = asAgentctlError(thrown);
      if (error.name === "TooLarge" || error.name === "TooMany") throw error;
      if (id !== undefined) return sendJson(response, 200, { jsonrpc: "2.0", id, error: error.toWire() });
    }
    // A notification gets no response.
    begin(response, 204, {});
    response.end();
  };
}

function messageOf(value: unknown): { id: Id | undefined; method: string; params: unknown } {
  const invalid = (reason: string) => new AgentctlError("InvalidRequest", { reason });
  if (Array.isArray(value)) throw invalid("batches are not taken");
  if (typeof value !== "object" || value === null) throw invalid("it is not an object");
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (jsonrpc !== "2.0") throw invalid('`jsonrpc` is not "2.0"');
  if (typeof method !== "string") throw invalid("`method` is not a text");
  const isId = id === undefined || id === null || typeof id === "string" || typeof id === "number";
  if (!isId) throw invalid("`id` is neither a text nor a number");
  return { id, method, params };
}

function discovery({ assets }: Services): unknown {
  return JSON.parse(readFileSync(join(assets, "../docs/openrpc.json"), "utf8"));
}
