/** Runs git as a child process, never through a shell. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Ports } from "../../ports.ts";

/** git ended with an exit code other than 0, or could not be started (`code` is null); `message` is git's error. */
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

/** The maximum output of git, in bytes. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Keeps a repository's own settings from starting a program when we only read it. */
const SAFE_CONFIG = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];

export type Git = (
  directory: string,
  args: readonly string[],
  env?: Record<string, string>,
) => Promise<string>;

/**
 * Runs git in a directory and returns its output. Rejects with {@link GitFailed}. git gets the daemon's basic
 * environment, so that no variable of the caller (`GIT_DIR`, `GIT_INDEX_FILE`) selects another repository.
 */
export function gitOf({ baseEnv }: Pick<Ports, "baseEnv">): Git {
  return async (directory, args, extraEnv = {}) => {
    const env = { ...baseEnv, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", ...extraEnv };
    try {
      const options = { cwd: directory, env, maxBuffer: MAX_OUTPUT_BYTES };
      return (await promisify(execFile)("git", [...SAFE_CONFIG, ...args], options)).stdout;
    } catch (error) {
      throw failureOf(error as ExecError, directory);
    }
  };
}

type ExecError = Error & { code?: number | string; stdout?: string; stderr?: string };

function failureOf({ code, stdout = "", stderr = "", message }: ExecError, directory: string): GitFailed {
  if (code === "ENOENT") return new GitFailed(`git is not on the PATH, or ${directory} is gone`, null, "");
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return new GitFailed(`git printed more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB`, null, stdout);
  const errorText = stderr.trim().replace(/^(fatal|error): /, "");
  return new GitFailed(
    errorText === "" ? message : errorText,
    typeof code === "number" ? code : null,
    stdout,
  );
}

/** Returns the output of git, or undefined if git ended with an exit code other than 0. */
export async function outputOrUndefined(output: Promise<string>): Promise<string | undefined> {
  try {
    return await output;
  } catch (error) {
    if (error instanceof GitFailed && error.code !== null) return undefined;
    throw error;
  }
}
