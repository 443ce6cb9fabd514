import { type McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import type { Access } from "./access.ts";
import { logText } from "./log-text.ts";
import { requireQueue } from "./register.ts";

const MAX_LISTED = 50;
const MAX_ARTIFACT_BYTES = 8 * 1024 * 1024;

interface ListedTask {
  id: number;
  name: string | null;
  state: string;
}

type Variables = Record<string, string | string[]>;

/** Registers each task, its log and its artifacts as resources. */
export function registerResources(server: McpServer, access: Access): void {
  const list = async () => {
    const queue = access.queue === null ? {} : { queue: access.queue };
    const { tasks } = (await access.call("tasks/list", { recent: MAX_LISTED, ...queue })) as {
      tasks: ListedTask[];
    };
    const resources = tasks.slice(-MAX_LISTED).map(({ id, name, state }) => ({
      uri: `agentctl://tasks/${id}`,
      name: name ?? `task ${id}`,
      description: `task ${id}, ${state}`,
      mimeType: "application/json",
    }));
    return { resources };
  };
  const template = (uri: string, lister?: typeof list) => new ResourceTemplate(uri, { list: lister });
  server.registerResource(
    "task",
    template("agentctl://tasks/{id}", list),
    { title: "Task", description: "A task with its history, as JSON", mimeType: "application/json" },
    async (uri, variables) => {
      const id = await idOf(access, variables);
      const { task } = (await access.call("tasks/get", { id, details: true })) as { task: unknown };
      return {
        contents: [{ uri: uri.href, mimeType: "application/json", text: JSON.stringify(task, undefined, 1) }],
      };
    },
  );
  server.registerResource(
    "log",
    template("agentctl://tasks/{id}/log"),
    { title: "Log of a task", description: "The output of a task, its last 256 KiB", mimeType: "text/plain" },
    async (uri, variables) => {
      const id = await idOf(access, variables);
      const { text } = await logText(access, { id, lines: Number.MAX_SAFE_INTEGER });
      return { contents: [{ uri: uri.href, mimeType: "text/plain", text: String(text) }] };
    },
  );
  server.registerResource(
    "artifact",
    template("agentctl://tasks/{id}/artifacts/{+name}"),
    { title: "Artifact of a task", description: "A file that a task left behind" },
    async (uri, variables) => await artifact(access, uri, variables),
  );
}

async function artifact(access: Access, uri: URL, variables: Variables) {
  const id = await idOf(access, variables);
  const name = decodeURIComponent(String(variables.name));
  const result = (await access.call("artifacts/get", { id, name })) as {
    artifact: { path: string; size: number };
  };
  const { path, size } = result.artifact;
  if (size > MAX_ARTIFACT_BYTES) throw new Error(`the artifact has ${size} bytes; read the file: ${path}`);
  const bytes = await artifactBytes(access, { id, name }, size);
  const isText = /\.(txt|md|csv|log|json|ts|js|py|diff|patch|xml|html|ya?ml)$/i.test(name);
  const body = isText
    ? { mimeType: name.endsWith(".json") ? "application/json" : "text/plain", text: bytes.toString("utf8") }
    : { mimeType: "application/octet-stream", blob: bytes.toString("base64") };
  return { contents: [{ uri: uri.href, ...body }] };
}

async function artifactBytes(access: Access, target: object, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let offset = 0; offset < size; ) {
    const { data } = (await access.call("artifacts/read", { ...target, offset })) as { data: string };
    const bytes = Buffer.from(data, "base64");
    if (bytes.length === 0) break;
    offset += bytes.length;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

async function idOf(access: Access, { id }: Variables): Promise<number | string> {
  const text = decodeURIComponent(String(id));
  const ref = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
  await requireQueue(access, ref);
  return ref;
}
