import { inspect, types } from "node:util";
import { toJson } from "../../sdk/strict-json.ts";

/** The longest message, and the largest data as JSON, that is sent to the daemon, in characters. */
const MAX_CHARS = 64 * 1024;

/** How many errors of an AggregateError are named if it has no message of its own. */
const MAX_ERRORS = 10;

/** Stack lines that are not the user's: those of Node, this host and the loader. A brace after such a line stays. */
const foreignFrames =
  /\n\s+at (?:[^\n]*\()?(?:node:|internal\/|[^\n]*\/node_modules\/(?:tsx|esbuild)\/|[^\n]*\/dist\/(?:host|host-hooks|sdk|agent-task)\.mjs)[^\n]*?(?= \{(?:\n|$)|\n|$)/g;

/** An error as it is reported to the daemon. */
export interface Failure {
  name: string;
  message: string;
  data?: Record<string, unknown>;
}

/** Returns a readable name and message for any thrown value. Never throws. */
export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) return { name: "Error", message: cut(messageFor(thrown)) };
  const syntax = syntaxErrorOf(thrown);
  if (syntax) return { name: "SyntaxError", message: cut(syntax) };
  const name = textOf(thrown, "name") || "Error";
  const message = textOf(thrown, "message") || messagesOf(thrown) || `${name} (no message)`;
  const data = dataOf(thrown);
  return { name: cut(name), message: cut(message), ...(data && { data }) };
}

/** Returns the text for the log: the stack, reduced to the user's frames. Never throws. */
export function stackOf(thrown: unknown): string {
  const { name, message } = failureOf(thrown);
  const stack = isError(thrown) && !syntaxErrorOf(thrown) ? inspectSafely(thrown) : undefined;
  return stack?.replace(foreignFrames, "") ?? `${name}: ${message}`;
}

/** Whether `thrown` is an error, also one of another realm, such as that of `node:vm`. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || tryGet(() => thrown instanceof Error) === true;
}

function messageFor(thrown: unknown): string {
  if (typeof thrown === "string" && thrown !== "") return thrown;
  return `the module threw ${inspectSafely(thrown) ?? "a value that cannot be printed"}`;
}

/** Returns `value` as text, or undefined if a getter or a proxy of the module throws. */
function inspectSafely(value: unknown): string | undefined {
  return tryGet(() => inspect(value));
}

function tryGet<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** Returns a property of the error as text. The module may have given it a value of any type. */
function textOf(error: Error, key: "name" | "message"): string {
  const value: unknown = tryGet(() => error[key]);
  if (value === undefined || typeof value === "string") return value ?? "";
  return inspectSafely(value) ?? "";
}

/** Joins the messages of the errors in an AggregateError, which may have no message of its own. */
function messagesOf(error: Error): string {
  const errors = tryGet(() => (error as { errors?: unknown }).errors);
  if (!Array.isArray(errors)) return "";
  const messages = errors
    .slice(0, MAX_ERRORS)
    .map((each) => (isError(each) ? textOf(each, "message") : inspectSafely(each)));
  return messages.filter(Boolean).join("; ");
}

/** Returns the text of an error of esbuild. The place is in its text; its stack has only esbuild's own frames. */
function syntaxErrorOf(error: Error): string | undefined {
  if (textOf(error, "name") !== "TransformError") return undefined;
  return textOf(error, "message")
    .replace(/^Transform failed with .*\n/, "")
    .replaceAll(": ERROR: ", ": ");
}

/** Returns the data of an expected failure, or the code of a system error. Omits data as large as a whole response. */
function dataOf(error: Error): Record<string, unknown> | undefined {
  const data = tryGet(() => (error as { data?: unknown }).data);
  const code = tryGet(() => (error as { code?: unknown }).code);
  const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
  const plain: unknown = isObject ? tryGet(() => JSON.parse(JSON.stringify(data))) : undefined;
  // `toJson` also refuses data that is nested too deep for a message.
  const text = tryGet(() => toJson(plain, "data"));
  if (text?.startsWith("{") && text.length <= MAX_CHARS) return plain as Record<string, unknown>;
  return typeof code === "string" ? { code } : undefined;
}

function cut(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
}
