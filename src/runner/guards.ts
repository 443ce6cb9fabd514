/**
 * Guards, which run one program after the other: starting a process out of this one costs more than all the rest of a
 * short task, and a guard that is there already does without. One that had nothing to do for a moment ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { childOf } from "./run-files.ts";
import type { Processes } from "./tree/processes.ts";
import { deliverTo } from "./tree/signals.ts";
import type { ProcessId } from "./types.ts";

/** What a guard tells of the attempt that it was given. */
export interface Attempt {
  key: string;
  born(program: ProcessId): void;
  /** The guard has no more to do with it. */
  ended(status: number): void;
  /** The guard is gone before it told of an end; `isBegun` false where it never took up the attempt. */
  guardGone(isBegun: boolean): void;
  /** There is no guard, and none could be started. */
  refused(cause: Error): void;
}

/** How long a guard waits for another program. */
const IDLE_MS = 300;

interface Guard {
  id: ProcessId;
  child: ChildProcess;
  attempt: Attempt | null;
  hasBorn: boolean;
  /** Its tree was stopped or ended: what began that may still have the guard in mind, so it runs nothing else. */
  isRetired: boolean;
  idle: NodeJS.Timeout | null;
}

export class Guards {
  readonly #idle: Guard[] = [];
  readonly #alive = new Map<number, Guard>();
  readonly #argv: string[];
  readonly #processes: Processes;
  readonly #namespaceLock: number | undefined;

  constructor(script: string, runDir: string, processes: Processes, namespaceLock: number | undefined) {
    this.#argv = [script, runDir, processes.bootId];
    this.#processes = processes;
    this.#namespaceLock = namespaceLock;
  }

  /** Has a guard run the attempt whose start file is written; null where none could be started. */
  run(attempt: Attempt): ProcessId | null {
    const guard = this.#take() ?? this.#start(attempt);
    if (!guard) return null;
    guard.attempt = attempt;
    guard.hasBorn = false;
    guard.child.ref();
    guard.child.stdin?.write(`${attempt.key}\n`);
    return guard.id;
  }

  /** Whether this is the pid of a guard that was started here and lives. */
  has(pid: number): boolean {
    return this.#alive.has(pid);
  }

  /** The guard of a tree that is about to be stopped or ended runs no further program. */
  retire(id: ProcessId | null | undefined): void {
    const guard = id && this.#alive.get(id.pid);
    if (guard && guard.id.startTime === id.startTime) guard.isRetired = true;
  }

  #take(): Guard | undefined {
    for (let guard = this.#idle.pop(); guard; guard = this.#idle.pop()) {
      if (guard.idle) clearTimeout(guard.idle);
      const { exitCode, signalCode } = guard.child;
      if (exitCode === null && signalCode === null) return guard;
    }
    return undefined;
  }

  #start(attempt: Attempt): Guard | null {
    const child = spawn("/bin/sh", this.#argv, {
      cwd: "/",
      // Its own environment is empty, so that nothing leaks into a program. Node hands this one on unless it is named.
      env: { NODE_V8_COVERAGE: undefined },
      detached: true,
      stdio: ["pipe", "ignore", "ignore", "pipe", this.#namespaceLock ?? "ignore"],
    });
    const { pid } = child;
    if (pid === undefined) {
      child.once("error", (error) => attempt.refused(error));
      return null;
    }
    // Our own child is at least a zombie until its exit was handled, so it can still be read.
    const startTime = this.#processes.stat(pid)?.startTime ?? 0;
    const id = { pid, startTime, bootId: this.#processes.bootId };
    const guard: Guard = { id, child, attempt: null, hasBorn: false, isRetired: false, idle: null };
    this.#alive.set(pid, guard);
    (child.stdin as Socket).on("error", () => undefined).unref();
    child.on("error", () => undefined);
    const pipe = child.stdio[3] as Socket;
    listen(pipe, (line) => this.#heard(guard, line));
    child.once("exit", (code) => {
      const settle = () => this.#gone(guard, code);
      // What the guard said may still be on its way.
      if (pipe.readableEnded || pipe.destroyed) return settle();
      pipe.ref();
      pipe.once("close", settle);
    });
    return guard;
  }

  #heard(guard: Guard, line: string): void {
    const { attempt } = guard;
    if (line === "-") this.#rest(guard);
    else if (line.startsWith("+")) {
      guard.hasBorn = true;
      attempt?.born(childOf(guard.id.pid, Number(line.slice(1)), this.#processes));
    } else {
      guard.attempt = null;
      attempt?.ended(Number(line));
    }
  }

  #rest(guard: Guard): void {
    guard.child.unref();
    if (guard.isRetired) {
      // Who froze the tree as its program ended has stopped the guard with it.
      deliverTo(this.#processes, guard.id, "SIGCONT");
      guard.child.stdin?.end();
      return;
    }
    guard.idle = setTimeout(() => this.#dismiss(guard), IDLE_MS).unref();
    this.#idle.push(guard);
  }

  #dismiss(guard: Guard): void {
    const at = this.#idle.indexOf(guard);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    guard.child.stdin?.end();
  }

  #gone(guard: Guard, code: number | null): void {
    const { attempt } = guard;
    this.#alive.delete(guard.id.pid);
    guard.attempt = null;
    // One that was killed may have left a subshell that is about to become the program.
    attempt?.guardGone(guard.hasBorn || code === null);
  }
}

/** Unreferenced, so that it holds no process open. */
function listen(pipe: Socket, onLine: (line: string) => void): void {
  let rest = "";
  pipe.setEncoding("latin1");
  pipe.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  pipe.on("error", () => undefined);
  pipe.unref();
}
