import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { PATIENCE_MS } from "./until.ts";

/** The launcher that users get. */
export const launcher = join(import.meta.dirname, "../../bin/agentctl.js");

export interface CommandResult {
  /** The exit code as in a shell: 128 + n for an end by signal n. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Written to stdin. Default: empty. */
  input?: string | Uint8Array;
  /** Added to the home's environment; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  timeoutMs?: number;
}

/** Arguments, then perhaps options. */
export type CommandArgs = string[] | [...string[], CommandOptions];

/** A running command: its output so far, and its end. */
export interface RunningCommand {
  pid: number;
  readonly stdout: string;
  readonly stderr: string;
  stdin: NonNullable<ChildProcess["stdin"]>;
  kill(signal?: NodeJS.Signals): void;
  /** Sends SIGKILL, and stops waiting for children that hold its output open. */
  abandon(): void;
  /** Resolves when the command has ended. Never rejects. */
  ended: Promise<CommandResult>;
}

export function splitArgs(given: CommandArgs): [string[], CommandOptions] {
  const last = given.at(-1);
  if (typeof last === "object") return [given.slice(0, -1) as string[], last];
  return [given as string[], {}];
}

/** Starts the program. Without `input`, its stdin stays open for the caller. */
export function startCommand(
  program: string,
  args: string[],
  { input, env, cwd }: Omit<CommandOptions, "timeoutMs">,
): RunningCommand {
  const child = spawn(program, args, { cwd, env: defined(env ?? {}), stdio: "pipe" });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
    });
  }
  // A command that ends without reading its input is not a failure of the test.
  child.stdin.on("error", () => undefined);
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<CommandResult>((resolve) => {
    child.on("error", (error) => resolve({ code: 127, ...printed, stderr: error.message }));
    child.on("close", (code, signal) => resolve({ code: code ?? codeOf(signal), ...printed }));
  });
  return {
    pid: child.pid ?? -1,
    get stdout() {
      return printed.stdout;
    },
    get stderr() {
      return printed.stderr;
    },
    stdin: child.stdin,
    kill: (signal = "SIGTERM") => void child.kill(signal),
    abandon: () => {
      child.kill("SIGKILL");
      for (const stream of child.stdio) stream?.destroy();
    },
    ended,
  };
}

/**
 * Runs the program to its end. After the time limit, kills it and throws with its output. That also happens if the
 * program has ended but one of its children holds its output open.
 */
export async function runCommand(
  program: string,
  args: string[],
  { timeoutMs = PATIENCE_MS, input = "", ...options }: CommandOptions,
  started: (command: RunningCommand) => void = () => undefined,
): Promise<CommandResult> {
  const command = startCommand(program, args, { input, ...options });
  started(command);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  const result = await Promise.race([command.ended, late]);
  clearTimeout(timer);
  if (result) return result;
  command.abandon();
  const { stdout, stderr } = command;
  throw new Error(
    `${[program, ...args].join(" ")}: no end within ${timeoutMs} ms\nstdout: ${stdout}\nstderr: ${stderr}`,
  );
}

function codeOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal ? constants.signals[signal] : 0);
}

function defined(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
