/** Readers for JSON from other programs. They check every type, and none of them throws. */
import type { Json } from "./types.ts";

/** Parses a line; undefined if it is not a JSON object. */
export function objectOf(line: string): Json | undefined {
  if (!line.trimStart().startsWith("{")) return undefined;
  try {
    return asObject(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** Returns a member that is an object; {} if it is not an object. */
export function member(value: unknown, name: string): Json {
  return asObject(asObject(value)?.[name]) ?? {};
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

export function listOf(value: unknown): Json[] {
  if (!Array.isArray(value)) return [];
  return value.map(asObject).filter((each) => each !== undefined);
}

/** Returns the text of a tool's result, which is a string or a list of text blocks. */
export function outputOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const texts = listOf(value).flatMap((block) => textOf(block.text) ?? []);
  return texts.length > 0 ? texts.join("\n") : undefined;
}

/** Returns the title of a tool call that people read: its command, path, URL or pattern, or else the tool's name. */
export function titleOf(name: string, input: unknown): string {
  const fields = asObject(input) ?? {};
  const candidates = [
    fields.command,
    fields.cmd,
    fields.file_path,
    fields.filePath,
    fields.path,
    fields.url,
    fields.pattern,
  ];
  const title = candidates.find((each) => typeof each === "string");
  return typeof title === "string" ? title : name;
}
