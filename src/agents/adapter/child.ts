import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AgentFailed } from "./failed.ts";
import type { Exit } from "./types.ts";

/** How many characters of the end of stderr are kept for the message of a failure. */
const MAX_STDERR_CHARS = 2000;
/** How long to read the pipes of an ended process, in ms: a tool that outlives the process may hold them open. */
const DRAIN_MS = 500;

interface ChildOptions {
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** The folder of the file with its stderr. */
  dir: string;
  line(text: string): void;
}

/** The process of an agent with its pipes. */
export class Child {
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  #stderr = "";
  #lastLineAt = performance.now();

  constructor({ argv, cwd, env, dir, line }: ChildOptions) {
    const [program = "", ...args] = argv;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const child = spawn(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    child.stdin.on("error", () => {});
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on("line", (text) => {
      this.#lastLineAt = performance.now();
      if (text !== "") line(text);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk).slice(-MAX_STDERR_CHARS);
      appendFileSync(join(dir, "stderr.log"), chunk, { mode: 0o600 });
    });
    this.exited = new Promise((resolve) => {
      const finish = (code: number | null, signal: string | null) =>
        resolve({ code, signal, stderr: this.#stderr.trim() });
      child.once("error", (error) => {
        this.#stderr = error.message;
        finish(127, null);
      });
      child.once("close", finish);
      child.once("exit", (code, signal) => setTimeout(() => finish(code, signal), DRAIN_MS));
    });
  }

  get isGone(): boolean {
    return (
      this.#process.exitCode !== null || this.#process.signalCode !== null || this.#process.pid === undefined
    );
  }

  write(text: string): void {
    if (this.#process.stdin?.writable) this.#process.stdin.write(text);
  }

  end(): void {
    this.#process.stdin?.end();
  }

  /** Sends a signal to the agent only, not to its tools. */
  kill(signal: NodeJS.Signals): void {
    if (!this.isGone) this.#process.kill(signal);
  }

  /** Closes its stdin. Sends TERM when it has printed nothing for `quietMs`, and KILL 2 s later. */
  async close(quietMs: number): Promise<Exit> {
    this.end();
    for (;;) {
      const remainingMs = this.#lastLineAt + quietMs - performance.now();
      const exit = await withTimeout(this.exited, Math.max(remainingMs, 0));
      if (exit) return exit;
      if (performance.now() - this.#lastLineAt >= quietMs) break;
    }
    this.kill("SIGTERM");
    const exit = await withTimeout(this.exited, 2000);
    if (exit) return exit;
    this.kill("SIGKILL");
    return await this.exited;
  }

  /** Restarts the quiet time of `close`. */
  touch(): void {
    this.#lastLineAt = performance.now();
  }
}

/** Returns the last error line of `stderr`, or else its last line; "" if it has none. */
export function complaintOf(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return (lines.findLast((line) => /^(error|fatal)\b/i.test(line)) ?? lines.at(-1) ?? "").trim();
}

/** Returns the error of an agent that did not start, with the complaint in its stderr. */
export function startError(error: unknown, { stderr }: Exit): Error {
  const complaint = complaintOf(stderr);
  const message = error instanceof Error ? error.message : String(error);
  return new AgentFailed(complaint === "" ? message : `${message}: ${complaint}`);
}

/** Resolves with the value of `promise`, or with undefined after `ms`. */
export async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
