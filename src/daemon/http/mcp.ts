/** `POST /mcp`: the tools of `agentctl mcp`, for agents that speak MCP over streamable HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { begin, sendJson } from "./answer.ts";
import { jsonOf } from "./body.ts";
import { countUnsent, inTurn, requireReader } from "./bounds.ts";
import { callerOf, waitForDrain } from "./http-caller.ts";
import type { Services } from "./services.ts";

const PARSE_ERROR = { code: -32700, message: "the body is not JSON" };
const BATCH_ERROR = { code: -32600, message: "batches are not taken" };

/** Requests with large responses. No tool that waits is among them. */
const LARGE_REQUESTS: ReadonlySet<unknown> = new Set([
  "resources/read",
  "task_list",
  "task_get",
  "task_logs",
]);

/** Responds by means of the protocol's own library, which is loaded at the first request. */
export function mcpOf(services: Services) {
  let loading: Promise<typeof import("../../mcp/serve.ts")> | null = null;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const file = join(services.assets, "mcp.cjs");
    loading ??= import(file);
    const { httpHandler } = await loading;
    const call = (method: string, params: object) => {
      requireReader(response);
      return services.dispatch({ method, params }, callerOf(response, "mcp"));
    };
    const { version } = services;
    const handle = httpHandler({ call, version, isReadOnly: false, queue: null, env: null, cwd: null });
    try {
      const body = await jsonOf(request);
      // Older versions of the protocol had batches, and one batch could request any number of large responses.
      if (Array.isArray(body)) return refuse(response, BATCH_ERROR);
      const work = () => handle(webRequest(request, response), body);
      await send(await (isLarge(body) ? inTurn(response, work) : work()), response);
    } catch (error) {
      if (!(error instanceof AgentctlError) || error.name !== "ParseError") throw error;
      refuse(response, PARSE_ERROR);
    }
  };
}

function isLarge(body: unknown): boolean {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown } };
  return LARGE_REQUESTS.has(method) || LARGE_REQUESTS.has(params?.name);
}

function refuse(response: ServerResponse, error: typeof PARSE_ERROR): void {
  sendJson(response, 400, { jsonrpc: "2.0", id: null, error });
}

/** Converts a request, without its body, to the web standard's `Request`. */
function webRequest(request: IncomingMessage, response: ServerResponse): Request {
  const closed = new AbortController();
  response.once("close", () => closed.abort());
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  const { method = "GET", url = "/" } = request;
  return new Request(`http://${request.headers.host}${url}`, { method, headers, signal: closed.signal });
}

async function send(result: Response, response: ServerResponse): Promise<void> {
  // This server decides how long the connection lasts and whether a response is cached.
  const { connection: _, "cache-control": __, ...headers } = Object.fromEntries(result.headers);
  begin(response, result.status, headers);
  for await (const chunk of (result.body ?? []) as AsyncIterable<Uint8Array>) {
    countUnsent(response, chunk.length);
    response.write(chunk);
    await waitForDrain(response);
  }
  response.end();
}
