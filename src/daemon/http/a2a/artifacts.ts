/** What a task gives out, as artifacts of A2A: its log, its result and the files that it produced. */
import { readFile } from "node:fs/promises";
import type { Artifact, Part } from "@a2a-js/sdk";
import type { ArtifactJson, TaskJson } from "../../../protocol/methods.ts";
import { mediaTypeOf } from "../media-type.ts";
import type { Agent } from "./agent.ts";
import { textPart } from "./task-view.ts";

/** How long a text artifact may be, in bytes. A longer one is sent as the address of its file. */
const MAX_TEXT_BYTES = 1024 * 1024;
/** How much of the end of a log a requested task contains, in bytes. Streams contain all of it. */
const LOG_BYTES = 64 * 1024;

export const LOG = "log";

export function artifactOf(artifactId: string, name: string, parts: Part[]): Artifact {
  return { artifactId, name, description: "", parts, metadata: undefined, extensions: [] };
}

/** Returns all artifacts of a task, its log first. */
export async function artifactsOf(agent: Agent, base: string, task: TaskJson): Promise<Artifact[]> {
  const log = await logEnd(agent, task);
  const files = await filesOf(agent, base, task);
  return [...(log === "" ? [] : [artifactOf(LOG, LOG, [textPart(log)])]), ...files, ...resultOf(task)];
}

/** Returns the result of a task that completed with one. */
export function resultOf({ result, state }: TaskJson): Artifact[] {
  if (state !== "completed" || result === null || result === undefined) return [];
  if (typeof result === "string") return [artifactOf("result", "result", [textPart(result)])];
  const text = textPart(JSON.stringify(result), "application/json");
  if (typeof result !== "object") return [artifactOf("result", "result", [text])];
  // Some clients look for data, some for text.
  const data: Part = {
    content: { $case: "data", value: result },
    metadata: undefined,
    filename: "",
    mediaType: "",
  };
  return [artifactOf("result", "result", [data, text])];
}

export async function filesOf(agent: Agent, base: string, task: TaskJson): Promise<Artifact[]> {
  const { artifacts } = await agent.call("artifacts/list", { id: task.id });
  return await Promise.all(
    artifacts.map(async (file) =>
      artifactOf(`file-${file.name}`, file.name, [await filePart(agent, base, task, file)]),
    ),
  );
}

async function filePart(
  agent: Agent,
  base: string,
  { id, uuid }: TaskJson,
  file: ArtifactJson,
): Promise<Part> {
  const { name, size } = file;
  const mediaType = mediaTypeOf(name).split(";")[0] as string;
  const isText = mediaType.startsWith("text/") || mediaType === "application/json";
  if (isText && size <= MAX_TEXT_BYTES) return textPart(await textOf(agent, id, file), mediaType, name);
  const place = name.split("/").map(encodeURIComponent).join("/");
  const value = new URL(`tasks/${uuid}/artifacts/${place}`, base).href;
  return { content: { $case: "url", value }, metadata: undefined, filename: name, mediaType };
}

async function textOf(
  agent: Agent,
  id: number,
  { name, path, size, machine }: ArtifactJson,
): Promise<string> {
  if (machine === undefined) return await readFile(path, "utf8");
  const chunks: Buffer[] = [];
  for (let offset = 0; offset < size; ) {
    const bytes = Buffer.from((await agent.call("artifacts/read", { id, name, offset })).data, "base64");
    if (bytes.length === 0) break;
    chunks.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function logEnd(agent: Agent, { id }: TaskJson): Promise<string> {
  const { logs } = await agent.call("logs/path", { id });
  let text = "";
  for (const { attempt } of logs.slice().reverse()) {
    const fromEnd = LOG_BYTES - text.length;
    if (fromEnd <= 0) break;
    const { data } = await agent.call("logs/read", { id, attempt, fromEnd });
    text = Buffer.from(data, "base64").toString("utf8") + text;
  }
  return text;
}
