import { readFileSync, rmSync, statSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import { bundlePath } from "../files/bundle-path.ts";
import type { Ports } from "../ports.ts";

/** The path of a file that every attempt opens, `pipe`, or content to store now: a file to copy, or an upload. */
export type GivenStdin = string | { copy: string } | { bundle: string } | null;

/** The largest input that is stored for a task, in bytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Returns the field as the task stores it, and the content of a copy. Throws `InvalidParams`. */
export function takenStdin(
  engine: Pick<Ports, "places">,
  given: {
    stdin?: GivenStdin | undefined;
    module?: string | undefined;
    agent?: string | null | undefined;
  },
): {
  stdin: string | null;
  stdinData?: Buffer;
} {
  const { stdin = null, module, agent } = given;
  if (stdin === null) return { stdin };
  if (module !== undefined) throw refused("a task module has no stdin: it takes an input, and messages");
  if (agent) throw refused("a coding agent has no stdin: it takes a prompt, and messages");
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
    if (!stat.isFile()) throw refused(`${path} is not a file`);
    if (stat.size > MOST_BYTES) throw tooLarge();
    data = readFileSync(path);
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw refused(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (data.length > MOST_BYTES) throw tooLarge();
  return data;
}

const tooLarge = () => refused("more than 64 MiB cannot be kept: name a file");

function refused(reason: string): AgentctlError {
  return new AgentctlError("InvalidParams", { field: "stdin", reason });
}
