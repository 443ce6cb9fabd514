import { fromJsonSchema, type McpServer } from "@modelcontextprotocol/server";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import type { Access } from "./access.ts";
import { type Tool, tools } from "./tools.ts";

type Args = Record<string, unknown>;

/** Registers the tools that this caller may use. */
export function registerTools(server: McpServer, access: Access): void {
  for (const tool of tools) if (!access.isReadOnly || tool.effect === "reads") register(server, access, tool);
}

type Schema = ReturnType<typeof fromJsonSchema<Args>>;

const schemas = new Map<string, Schema>();

/** Compiles a schema once: each HTTP request has its own server, and the compiler never frees what it compiled. */
function schemaOf({ name, args, required = [] }: Tool): Schema {
  const jsonSchema = {
    type: "object" as const,
    properties: args,
    required: [...required],
    additionalProperties: false,
  };
  const schema = schemas.get(name) ?? fromJsonSchema<Args>(jsonSchema as never);
  schemas.set(name, schema);
  return schema;
}

function register(server: McpServer, access: Access, tool: Tool): void {
  const { name, title, about, effect } = tool;
  const annotations = {
    title,
    readOnlyHint: effect === "reads",
    destructiveHint: effect === "destroys",
    idempotentHint: effect === "reads",
    openWorldHint: false,
  };
  const config = {
    title,
    description: about,
    inputSchema: schemaOf(tool),
    annotations,
  };
  server.registerTool(name, config, async (args: Args) => {
    try {
      if (args.id !== undefined) await requireQueue(access, args.id);
      const answer = await tool.run(access, args);
      return { content: [{ type: "text" as const, text: textOf(answer) }], structuredContent: answer };
    } catch (thrown) {
      const { name: error, code, message, hint, data } = asAgentctlError(thrown);
      const summary = `${message}${hint === null ? "" : `\n${hint}`}`;
      const structuredContent = { error: { name: error, code, message, hint, data } };
      return { content: [{ type: "text" as const, text: summary }], structuredContent, isError: true };
    }
  });
}

/** Returns a log as plain text, which reads best, and everything else as JSON. */
function textOf(answer: Args): string {
  return typeof answer.text === "string" ? answer.text : JSON.stringify(answer, undefined, 1);
}

/** Throws if the caller is bound to a queue, and the task is in another one. */
export async function requireQueue(access: Access, id: unknown): Promise<void> {
  if (access.queue === null) return;
  const { task } = (await access.call("tasks/get", { id })) as { task: { queue: string } };
  if (task.queue === access.queue) return;
  // The same error as for a task that does not exist.
  throw new AgentctlError("TaskNotFound", { id, state: null });
}
