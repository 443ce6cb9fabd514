import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { explainReadError, fileTextOf, textOf } from "../../home/text.ts";
import type { Context } from "../command/context.ts";
import { usage } from "../command/usage.ts";
import { fromStdin } from "./piped.ts";

/**
 * Returns the absolute path, resolved against the caller's directory. Throws a usage error for a relative path on
 * another machine.
 */
export function absolutePath(context: Pick<Context, "cwd" | "host">, path: string): string {
  if (isAbsolute(path)) return resolve(path);
  if (!context.host) return resolve(context.cwd, path);
  const hint = `name the path that it has on ${context.host.text}, from its root on`;
  throw usage(`${path} is a relative path, and the command is for another machine`, { hint });
}

/** Like {@link absolutePath}, but leaves an empty path to the daemon, which refuses it and names the field. */
export function pathOfTask(context: Context, path: string): string {
  return path === "" ? path : absolutePath(context, path);
}

/** Reads all bytes of stdin. */
async function stdinBytes(context: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of fromStdin(context)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Returns a text operand; `-` reads stdin, without the line break at its end. */
export async function textOrStdin(context: Context, text: string): Promise<string> {
  if (text !== "-") return text;
  return requireText(textOf(await stdinBytes(context)), "-").replace(/\r?\n$/, "");
}

/** Reads a file; `-` or no name reads stdin. */
export async function fileOrStdin(context: Context, name: string | undefined): Promise<Buffer> {
  if (name === undefined || name === "-") return await stdinBytes(context);
  try {
    return readFileSync(name === "" ? name : resolve(context.cwd, name));
  } catch (error) {
    throw usage(`${name === "" ? '""' : name} cannot be read: ${explainReadError(error)}`);
  }
}

/** Reads a file as text without its byte order mark; `-` or no name means stdin. Throws a usage error if it is not UTF-8. */
export async function fileText(context: Context, name: string | undefined): Promise<string> {
  return requireText(fileTextOf(await fileOrStdin(context, name)), name);
}

function requireText(text: string | undefined, name: string | undefined): string {
  if (text !== undefined) return text;
  const subject = name === undefined || name === "-" ? "what is on stdin" : name;
  throw usage(`${subject} is not valid UTF-8 and would not arrive as it is`, {
    hint: "iconv -f <its encoding> -t UTF-8 converts it",
  });
}

/** Returns an absolute path; throws a usage error if nothing is there. Another machine checks its own paths. */
export function existingPath(context: Context, name: string): string {
  const path = absolutePath(context, name);
  if (context.host || existsSync(path)) return path;
  throw usage(`there is no file ${path}`);
}

/** Parses the value of `--input`: JSON, `@file` with JSON, or `-` for JSON on stdin. */
export async function jsonInput(context: Context, text: string): Promise<unknown> {
  const isFile = text.startsWith("@");
  const source = isFile ? text.slice(1) : text;
  const json = isFile || text === "-" ? await fileText(context, source) : text;
  try {
    return JSON.parse(json);
  } catch (error) {
    const reason = `${(error as Error).message}; accepted are JSON such as '{"topic":"tea"}', @file, and - for stdin`;
    throw usage(`--input: ${reason}`, { field: "--input" });
  }
}
