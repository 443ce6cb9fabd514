import { inspect, types } from "node:util";
import { toJson } from "../../sdk/strict-json.ts";

/** The longest message, and the largest data in characters of JSON, that the daemon is told. */
const LONGEST = 64 * 1024;

/** Of so many errors in one, the messages stand for the one that is missing. */
const MOST_ERRORS = 10;

/** Lines of a stack that are not the user's: Node's own, this host's, the loader's. The brace after one stays. */
const foreignFrames =
  /\n\s+at (?:[^\n]*\()?(?:node:|internal\/|[^\n]*\/node_modules\/(?:tsx|esbuild)\/|[^\n]*\/dist\/(?:host|host-hooks|sdk|agent-task)\.mjs)[^\n]*?(?= \{(?:\n|$)|\n|$)/g;

/** What the daemon is told of an error. */
export interface Failure {
  name: string;
  message: string;
  data?: Record<string, unknown>;
}

/** Name and message of whatever was thrown, in words for people; never throws. */
export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) return { name: "Error", message: cut(wordsFor(thrown)) };
  const syntax = syntaxErrorOf(thrown);
  if (syntax) return { name: "SyntaxError", message: cut(syntax) };
  const name = textOf(thrown, "name") || "Error";
  const message =
    textOf(thrown, "message") || messagesOf(thrown) || `an error of the kind ${name} without a message`;
  const data = dataOf(thrown);
  return { name: cut(name), message: cut(message), ...(data && { data }) };
}

/** What stands in the log for it: the stack, cut to the user's frames; never throws. */
export function stackOf(thrown: unknown): string {
  const { name, message } = failureOf(thrown);
  const stack = isError(thrown) && !syntaxErrorOf(thrown) ? shown(thrown) : undefined;
  return stack?.replace(foreignFrames, "") ?? `${name}: ${message}`;
}

/** Also of another realm, such as that of `node:vm`. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || tried(() => thrown instanceof Error) === true;
}

function wordsFor(thrown: unknown): string {
  if (typeof thrown === "string" && thrown !== "") return thrown;
  return `the module threw ${shown(thrown) ?? "what cannot be shown"}`;
}

/** Undefined where a getter or a proxy of the module throws. */
function shown(value: unknown): string | undefined {
  return tried(() => inspect(value));
}

function tried<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** Whatever the module has put there, as text. */
function textOf(error: Error, key: "name" | "message"): string {
  const value: unknown = tried(() => error[key]);
  if (value === undefined || typeof value === "string") return value ?? "";
  return shown(value) ?? "";
}

/** Those of an AggregateError, which may have no message of its own. */
function messagesOf(error: Error): string {
  const errors = tried(() => (error as { errors?: unknown }).errors);
  if (!Array.isArray(errors)) return "";
  const words = errors
    .slice(0, MOST_ERRORS)
    .map((each) => (isError(each) ? textOf(each, "message") : shown(each)));
  return words.filter(Boolean).join("; ");
}

/** esbuild's report has the place in its text and nothing but its own frames in its stack. */
function syntaxErrorOf(error: Error): string | undefined {
  if (textOf(error, "name") !== "TransformError") return undefined;
  return textOf(error, "message")
    .replace(/^Transform failed with .*\n/, "")
    .replaceAll(": ERROR: ", ": ");
}

/** The facts of an expected failure, or the code of a system error; not what is as large as a whole answer of a server. */
function dataOf(error: Error): Record<string, unknown> | undefined {
  const data = tried(() => (error as { data?: unknown }).data);
  const code = tried(() => (error as { code?: unknown }).code);
  const isFacts = typeof data === "object" && data !== null && !Array.isArray(data);
  const plain: unknown = isFacts ? tried(() => JSON.parse(JSON.stringify(data))) : undefined;
  // Also what is nested too deep for a message is refused.
  const text = tried(() => toJson(plain, "data"));
  if (text?.startsWith("{") && text.length <= LONGEST) return plain as Record<string, unknown>;
  return typeof code === "string" ? { code } : undefined;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
