import { inspect } from "node:util";

const LONGEST_MESSAGE = 64 * 1024;

/** Lines of a stack that are not the user's: Node's own, this host's, the loader's. */
const foreignFrame =
  /^\s+at (?:.*\()?(?:node:|internal\/|.*\/node_modules\/(?:tsx|esbuild)\/|.*\/dist\/(?:host|host-hooks|sdk|agent-task)\.mjs)/;

/** What the daemon is told of an error. */
export interface Failure {
  name: string;
  message: string;
  data?: Record<string, unknown>;
}

/** Name and message of whatever was thrown, in words for people; never throws. */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) return { name: "Error", message: cut(wordsFor(thrown)) };
  const syntax = syntaxErrorOf(thrown);
  if (syntax) return { name: "SyntaxError", message: cut(syntax) };
  const data = dataOf(thrown);
  const message = thrown.message || `an error of the kind ${thrown.name} without a message`;
  return { name: thrown.name || "Error", message: cut(message), ...(data && { data }) };
}

/** What stands in the log for it: the stack, cut to the user's frames. */
export function stackOf(thrown: unknown): string {
  const { name, message } = failureOf(thrown);
  if (!(thrown instanceof Error) || syntaxErrorOf(thrown)) return `${name}: ${message}`;
  return inspect(thrown)
    .split("\n")
    .filter((line) => !foreignFrame.test(line))
    .join("\n");
}

function wordsFor(thrown: unknown): string {
  return typeof thrown === "string" && thrown !== "" ? thrown : `the module threw ${inspect(thrown)}`;
}

/** esbuild's report has the place in its text and nothing but its own frames in its stack. */
function syntaxErrorOf({ name, message }: Error): string | undefined {
  if (name !== "TransformError") return undefined;
  return message.replace(/^Transform failed with .*\n/, "").replaceAll(": ERROR: ", ": ");
}

/** The facts of an expected failure, or the code of a system error. */
function dataOf(error: Error): Record<string, unknown> | undefined {
  const { data, code } = error as { data?: unknown; code?: unknown };
  if (typeof data !== "object" || data === null || Array.isArray(data))
    return typeof code === "string" ? { code } : undefined;
  try {
    return JSON.parse(JSON.stringify(data));
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}
