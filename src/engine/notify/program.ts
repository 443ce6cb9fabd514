import type { Clock } from "../../core/time.ts";
import { findProgram } from "../../runner/cannot-start.ts";
import { type Started, startProcess } from "../../runner/process/start-process.ts";
import { type Answer, HOOK_TIMEOUT_MS, MAX_OUTPUT_CHARS, type Message } from "./answer.ts";

export interface ProgramOptions {
  argv: readonly string[];
  env: Record<string, string>;
  cwd: string;
  clock: Clock;
}

/**
 * Runs the program of a hook without a shell, in its own session. It gets the message on stdin and the event's fields
 * in variables. Exit code 0 means success. After a minute, or when `signal` aborts, its whole process group is killed.
 */
export async function runProgram(
  options: ProgramOptions,
  message: Message,
  signal: AbortSignal,
): Promise<Answer> {
  const { argv, clock } = options;
  const [file = "", ...args] = argv;
  const startedAt = clock.mono();
  const env = message.body === "" ? options.env : { ...options.env, ...eventVariables(message.body) };
  const { cwd } = options;
  const child = startProcess(findProgram(file, cwd, env) ?? file, args, {
    cwd,
    env,
    descriptors: ["read", "written", "written"],
  });
  const [stdin, ...outputs] = child.stdio;
  const readOutput = collect(outputs);
  // The program need not read its stdin.
  stdin?.on("error", () => {});
  stdin?.end(message.body === "" ? "" : `${message.body}\n`);
  const kill = () => child.pid !== undefined && killGroup(child.pid);
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    kill();
  }, HOOK_TIMEOUT_MS);
  signal.addEventListener("abort", kill);
  const failure = await new Promise<string | null>((resolve) => {
    child.once("error", (error) => resolve(`${file} could not be started: ${error.message}`));
    // Not "close", because processes that the program leaves running may keep its pipes open.
    child.once("exit", (code, killedBy) => resolve(code === 0 ? null : endText(file, code, killedBy)));
  });
  clearTimeout(timer);
  signal.removeEventListener("abort", kill);
  for (const output of outputs) output?.destroy();
  const ms = Math.round(clock.mono() - startedAt);
  if (failure === null) return { ok: true, said: readOutput(), ms };
  const reason = isTimedOut
    ? `${file} was killed: it had not ended after ${HOOK_TIMEOUT_MS / 1000} s`
    : failure;
  return { ok: false, reason, said: readOutput(), ms, isFinal: false };
}

function endText(file: string, code: number | null, signal: NodeJS.Signals | null): string {
  return code === null ? `${file} was ended by ${signal}` : `${file} ended with ${code}`;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended.
  }
}

/** Collects output; the returned function gives its last characters. */
function collect(outputs: Started["stdio"]): () => string {
  let text = "";
  for (const output of outputs) {
    output?.on("data", (data: Buffer) => {
      text = `${text}${data.toString("utf8")}`.slice(-MAX_OUTPUT_CHARS);
    });
  }
  return () => text.trim();
}

/** Returns `AGENTCTL_EVENT_SEQ`, `_TASK`, `_TO` and so on, empty if a field is null, and some fields of the task. */
function eventVariables(body: string): Record<string, string> {
  const { event, task } = JSON.parse(body) as {
    event: Record<string, unknown>;
    task: Record<string, unknown> | null;
  };
  const { seq, at, task: id, attempt, from, to, cause, actor } = event;
  const { name, queue, state } = task ?? {};
  const named = { seq, at, task: id, attempt, from, to, cause, actor, name, queue, state };
  return Object.fromEntries(
    Object.entries(named).map(([key, value]) => [
      `AGENTCTL_EVENT_${key.toUpperCase()}`,
      value === null || value === undefined ? "" : String(value),
    ]),
  );
}
