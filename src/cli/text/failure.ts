import { existsSync } from "node:fs";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Paths } from "../../home/paths.ts";
import type { Output } from "./output.ts";
import { block } from "./terminal-text.ts";

/** An error as `--json` shows it. */
export interface ErrorJson {
  name: string;
  code: number;
  message: string;
  hint: string | null;
  data: Record<string, unknown>;
}

/** Returns an error in the form that scripts read. */
export function errorJson({ name, code, message, hint, data }: AgentctlError): ErrorJson {
  return { name, code, message, hint, data };
}

/** The exit code when the daemon cannot be reached; its log may say why. */
const NO_DAEMON = 5;

/** Prints why a command failed and what helps; resolves with its exit code. */
export async function reportFailure(
  error: unknown,
  out: Output,
  { host, paths }: { host: object | null; paths: Paths },
): Promise<number> {
  const original = asAgentctlError(error);
  // A command may also use a daemon elsewhere; the log of its own home says nothing about that one.
  const isElsewhere = host !== null || original.data.host !== undefined;
  const failure = isElsewhere ? original : withLog(original, paths);
  if (out.json) out.data({ error: errorJson(failure) });
  else {
    await printFailure(failure, out);
    const isMentioned = `${failure.message}${failure.hint}`.includes(paths.log);
    const hasLog = failure.exitCode === NO_DAEMON && !isMentioned && !isElsewhere && existsSync(paths.log);
    if (hasLog) out.note(`  the daemon's log: ${paths.log}`);
  }
  return failure.exitCode;
}

/** Prints what happened and, below it, the command that helps, to stderr. */
export async function printFailure({ message, hint }: AgentctlError, out: Output): Promise<void> {
  const paint = await out.notePaint();
  out.note(`${paint.bad("agentctl:")} ${block(message)}`);
  if (hint) out.note(`  ${block(hint)}`);
}

/** Adds the path of the log to an internal error, of the daemon or of this process. */
function withLog(error: AgentctlError, { log }: Paths): AgentctlError {
  if (error.name !== "InternalError" || error.data.log) return error;
  const data = { ...error.data, log };
  const options = { message: error.message, hint: `the log says more: ${log}`, cause: error.cause };
  return new AgentctlError("InternalError", data, options);
}
