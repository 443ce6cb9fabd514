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
  const given = asObject(input) ?? {};
  const first = [
    given.command,
    given.cmd,
    given.file_path,
    given.filePath,
    given.path,
    given.url,
    given.pattern,
  ];
  const shown = first.find((each) => typeof each === "string");
  return typeof shown === "string" ? shown : name;
}
