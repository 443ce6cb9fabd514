import { didYouMean } from "../../protocol/nearest.ts";
import { usage } from "../command/usage.ts";
import { oneLine } from "./terminal-text.ts";

/**
 * Compiles a template such as `{id}\t{pause.reason}` into a function from a task's JSON to one line. A field in braces
 * is replaced by its value; null becomes empty, an object JSON. `\t`, `\n` and `\\` are the usual escapes, and `{{` is
 * a brace. A `\n` at the end adds nothing: each line ends with one anyway. Throws a usage error for a brace that is not
 * closed; the returned function throws one for an unknown field.
 */
export function templateOf(template: string): (value: object) => string {
  const parts = [...template.matchAll(/\\[tn\\]|\{\{|\{([^{}]*)\}|[^\\{]+|[\\{]/gu)].map(partOf);
  if (parts.at(-1) === "\n") parts.pop();
  return (value) =>
    parts.map((part) => (typeof part === "string" ? part : fieldOf(value, part.path))).join("");
}

const escapes: Record<string, string> = { "\\t": "\t", "\\n": "\n", "\\\\": "\\", "{{": "{" };

function partOf([text, path]: RegExpExecArray): string | { path: string } {
  if (path !== undefined) return { path: path.trim() };
  if (text === "{") throw usage("--format: a { is not closed; {{ stands for a brace", { field: "--format" });
  return escapes[text] ?? text;
}

function fieldOf(value: object, path: string): string {
  const keys = path.split(".");
  const [first = ""] = keys;
  if (!Object.hasOwn(value, first)) {
    const names = Object.keys(value);
    throw usage(`--format: there is no field ${JSON.stringify(first)}${didYouMean(first, names)}`, {
      field: "--format",
      hint: `fields are ${names.join(", ")}`,
    });
  }
  let field: unknown = value;
  for (const key of keys) field = (field as Record<string, unknown> | null | undefined)?.[key];
  if (field === null || field === undefined) return "";
  return oneLine(typeof field === "object" ? JSON.stringify(field) : String(field));
}
