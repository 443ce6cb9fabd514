/**
 * agentctl over the Model Context Protocol: tasks as tools and resources, for agents. This is a separate file in
 * `dist/`, which `agentctl mcp` loads for stdio and the daemon for `POST /mcp`. It serves both forms of the protocol:
 * with a handshake and without one.
 */
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Access } from "./access.ts";
import { registerTools } from "./register.ts";
import { registerResources } from "./resources.ts";

const INSTRUCTIONS =
  "agentctl runs programs and agents as durable background tasks: they outlive this conversation, can be paused and " +
  "resumed without losing work, and ask questions. Start one with task_run, look with task_list and task_get, read " +
  "output with task_logs. A task in state input-required waits for task_answer; a suspended one for task_resume.";

function createServer(access: Access): McpServer {
  const server = new McpServer(
    { name: "agentctl", title: "agentctl", version: access.version },
    { instructions: INSTRUCTIONS },
  );
  registerTools(server, access);
  registerResources(server, access);
  return server;
}

/** Serves on this process's stdin and stdout until stdin ends. */
export async function serveOverStdio(access: Access): Promise<void> {
  serveStdio(() => createServer(access));
  await new Promise<void>((resolve) => {
    process.stdin.once("end", resolve);
    process.stdin.once("close", resolve);
  });
}

/** Returns a function that responds to one HTTP request whose body has already been read. */
export function httpHandler(access: Access): (request: Request, body: unknown) => Promise<Response> {
  const handler = createMcpHandler(() => createServer(access));
  return (request, body) => handler.fetch(request, { parsedBody: body });
}
