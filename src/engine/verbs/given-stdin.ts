import { readFileSync, rmSync, statSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import { explainReadError } from "../../home/text.ts";
import { bundlePath } from "../files/bundle-path.ts";
import type { Ports } from "../ports.ts";

/** The path of a file that every attempt opens, `pipe`, or content to store now: a file to copy, or an upload. */
export type StdinInput = string | { copy: string } | { bundle: string } | null;

/** The largest input that is stored for a task, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Returns the field as the task stores it, and the content of a copy. Throws `InvalidParams`. */
export function takeStdin(
  engine: Pick<Ports, "places">,
  fields: {
    stdin?: StdinInput | undefined;
    module?: string | undefined;
    agent?: string | null | undefined;
  },
): {
  stdin: string | null;
  stdinData?: Buffer;
} {
  const { stdin = null, module, agent } = fields;
  if (stdin === null) return { stdin };
  if (module !== undefined) throw stdinRefusal("a task module has no stdin: it takes an input, and messages");
  if (agent) throw stdinRefusal("a coding agent has no stdin: it takes a prompt, and messages");
  if (typeof stdin === "string") return { stdin };
  if ("copy" in stdin) return { stdin: "-", stdinData: contentOf(stdin.copy) };
  const path = bundlePath(engine, stdin.bundle);
  try {
    return { stdin: "-", stdinData: contentOf(path) };
  } finally {
    rmSync(path, { force: true });
  }
}

function contentOf(path: string): Buffer {
  let data: Buffer;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw stdinRefusal(`${path} is not a file`);
    if (stat.size > MAX_BYTES) throw tooLargeRefusal();
    data = readFileSync(path);
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw stdinRefusal(`${path} cannot be read: ${explainReadError(error)}`);
  }
  if (data.length > MAX_BYTES) throw tooLargeRefusal();
  return data;
}

const tooLargeRefusal = () => stdinRefusal("more than 64 MiB cannot be kept: name a file");

function stdinRefusal(reason: string): AgentctlError {
  return new AgentctlError("InvalidParams", { field: "stdin", reason });
}
