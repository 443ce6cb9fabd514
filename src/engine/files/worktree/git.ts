/** git as a child process, never through a shell. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Ports } from "../../ports.ts";

/** git ended with a code other than 0, or could not be started (`code` is null); `message` is what it said. */
export class GitFailed extends Error {
  readonly code: number | null;
  readonly stdout: string;

  constructor(message: string, code: number | null, stdout: string) {
    super(message);
    this.name = "GitFailed";
    this.code = code;
    this.stdout = stdout;
  }
}

/** More of git's output is not kept. */
const MOST_BYTES = 4 * 1024 * 1024;

/** A repository's own settings start no program when it is only looked at. */
const QUIET = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];

export type Git = (
  directory: string,
  args: readonly string[],
  env?: Record<string, string>,
) => Promise<string>;

/**
 * Runs git in a directory and gives what it prints. Rejects with {@link GitFailed}. Its environment is the daemon's basic
 * one, so that nothing of whoever called (`GIT_DIR`, `GIT_INDEX_FILE`) decides which repository is meant.
 */
export function gitOf({ baseEnv }: Pick<Ports, "baseEnv">): Git {
  return async (directory, args, more = {}) => {
    const env = { ...baseEnv, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", ...more };
    try {
      const options = { cwd: directory, env, maxBuffer: MOST_BYTES };
      return (await promisify(execFile)("git", [...QUIET, ...args], options)).stdout;
    } catch (error) {
      throw failureOf(error as Failed, directory);
    }
  };
}

type Failed = Error & { code?: number | string; stdout?: string; stderr?: string };

function failureOf({ code, stdout = "", stderr = "", message }: Failed, directory: string): GitFailed {
  if (code === "ENOENT") return new GitFailed(`git is not on the PATH, or ${directory} is gone`, null, "");
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return new GitFailed(`git printed more than ${MOST_BYTES / 1024 / 1024} MiB`, null, stdout);
  const said = stderr.trim().replace(/^(fatal|error): /, "");
  return new GitFailed(said === "" ? message : said, typeof code === "number" ? code : null, stdout);
}

/** The output of git, or undefined where it ended with another code than 0. */
export async function unlessItFails(output: Promise<string>): Promise<string | undefined> {
  try {
    return await output;
  } catch (error) {
    if (error instanceof GitFailed && error.code !== null) return undefined;
    throw error;
  }
}
