/**
 * Starts guards: one shell for each program, which outlives it and this process. See guard.sh for what one does, and
 * what it says on its descriptor 3.
 */
import type { Socket } from "node:net";
import { setPriority } from "node:os";
import { DETACHED_VARIABLE, treeMarker } from "../home/tree-marker.ts";
import { startProcess } from "./process/start-process.ts";
import type { Processes } from "./tree/processes.ts";
import type { ProcessId } from "./types.ts";

interface GuardOptions {
  shell: string;
  script: string;
  runDir: string;
  key: string;
  token: string;
  /** The log, opened for append. */
  log: number;
  /** Inherited, so that the lock lives as long as the guard. */
  namespaceLock: number | undefined;
  /** The nice value of the guard and with it of the program, as far as the system allows it. */
  nice: number;
}

/** What a guard tells while it runs. */
interface GuardListener {
  born(pid: number): void;
  /** How the program ended, as {@link parseStatus} reads it. */
  ended(status: string): void;
  /** The guard is gone, whatever it has told; `wasKilled` by a signal. */
  gone(wasKilled: boolean): void;
  /** There is no guard: no process could be made. */
  refused(cause: Error): void;
}

/** Starts a guard on the run file of `key`, which is written; null where no process could be made. */
export function startGuard(
  { shell, script, runDir, key, token, log, namespaceLock, nice }: GuardOptions,
  processes: Processes,
  listener: GuardListener,
): ProcessId | null {
  const child = startProcess(shell, [script, runDir, processes.bootId, key], {
    cwd: "/",
    // Its own environment holds nothing that could leak into a program, and takes it and its keeper out of the tree of that.
    env: { [DETACHED_VARIABLE]: treeMarker(token) },
    descriptors: ["ignore", "ignore", "ignore", "written", namespaceLock ?? "ignore", log],
  });
  const { pid } = child;
  if (pid === undefined) {
    child.once("error", (error) => listener.refused(error));
    return null;
  }
  renice(pid, nice);
  const pipe = child.stdio[3] as Socket;
  listen(pipe, (line) => {
    if (line.startsWith("+")) listener.born(Number(line.slice(1)));
    else if (line.startsWith("=")) listener.ended(line.slice(1));
  });
  child.once("exit", (code) => {
    const settle = () => listener.gone(code === null);
    // What the guard said may still be on its way.
    if (pipe.readableEnded || pipe.destroyed) settle();
    else pipe.once("close", settle);
  });
  // Our own child is at least a zombie until its exit was handled, so it can still be read.
  const startTime = processes.stat(pid)?.startTime ?? 0;
  return { pid, startTime, bootId: processes.bootId };
}

/** Where the system has no `renice`, by which the subshell does it. To raise a priority takes a privilege. */
function renice(pid: number, nice: number): void {
  try {
    setPriority(pid, nice);
  } catch {
    // It stays that of this process.
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
