/** `POST /mcp`: the tools of `agentctl mcp`, for agents that speak MCP over streamable HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { begin } from "./answer.ts";
import { jsonOf } from "./body.ts";
import { callerOf, drained } from "./http-caller.ts";
import type { Services } from "./services.ts";

const PARSE_ERROR = { code: -32700, message: "the body is not JSON" };

/** Answers by the protocol's own library, which is loaded at the first request. */
export function mcpOf(services: Services) {
  let loading: Promise<typeof import("../../mcp/serve.ts")> | null = null;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const file = join(services.assets, "mcp.cjs");
    loading ??= import(file);
    const { httpHandler } = await loading;
    const call = (method: string, params: object) =>
      services.dispatch({ method, params }, callerOf(response, "mcp"));
    const { version } = services;
    const handle = httpHandler({ call, version, isReadOnly: false, queue: null, env: null, cwd: null });
    try {
      const body = request.method === "POST" ? await jsonOf(request) : undefined;
      await send(await handle(webRequest(request, response), body), response);
    } catch (error) {
      if (!(error instanceof AgentctlError) || error.name !== "ParseError") throw error;
      const answer = JSON.stringify({ jsonrpc: "2.0", id: null, error: PARSE_ERROR });
      begin(response, 400, { "Content-Type": "application/json" });
      response.end(answer);
    }
  };
}

/** A request in the form of the web's standard, without its body. */
function webRequest(request: IncomingMessage, response: ServerResponse): Request {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const headers = Object.entries(request.headers).flatMap(([name, given]) =>
    given === undefined ? [] : [[name, String(given)] as [string, string]],
  );
  const { method = "GET", url = "/" } = request;
  return new Request(`http://${request.headers.host}${url}`, { method, headers, signal: gone.signal });
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  begin(response, answer.status, Object.fromEntries(answer.headers));
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    response.write(chunk);
    await drained(response);
  }
  response.end();
}
