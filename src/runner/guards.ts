/**
 * Starts guards. A guard is a shell that runs one program, and that outlives the program and this process. guard.sh
 * describes what a guard does, and what it writes to its descriptor 3.
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
  /** Inherited by the guard, so that the lock is held as long as the guard lives. */
  namespaceLock: number | undefined;
  /** The nice value of the guard, and so of the program, as far as the system allows it. */
  nice: number;
}

/** Receives the events of a guard. */
interface GuardListener {
  onBorn(pid: number): void;
  /** The program has ended. {@link parseStatus} parses `status`. */
  onEnded(status: string): void;
  /** The guard has ended, with or without a report. `wasKilled`: a signal has killed it. */
  onGone(wasKilled: boolean): void;
  /** There is no guard, because no process could be created. */
  onRefused(cause: Error): void;
}

/** Starts a guard on the run file of `key`, which must exist. Returns null if no process could be created. */
export function startGuard(
  { shell, script, runDir, key, token, log, namespaceLock, nice }: GuardOptions,
  processes: Processes,
  listener: GuardListener,
): ProcessId | null {
  const child = startProcess(shell, [script, runDir, processes.bootId, key], {
    cwd: "/",
    // The guard's environment has nothing that could leak into the program. It also keeps the guard and its keeper out
    // of the program's tree.
    env: { [DETACHED_VARIABLE]: treeMarker(token) },
    descriptors: ["ignore", "ignore", "ignore", "written", namespaceLock ?? "ignore", log],
  });
  const { pid } = child;
  if (pid === undefined) {
    child.once("error", (error) => listener.onRefused(error));
    return null;
  }
  renice(pid, nice);
  const pipe = child.stdio[3] as Socket;
  listen(pipe, (line) => {
    if (line.startsWith("+")) listener.onBorn(Number(line.slice(1)));
    else if (line.startsWith("=")) listener.onEnded(line.slice(1));
  });
  child.once("exit", (code) => {
    const reportExit = () => listener.onGone(code === null);
    // The last lines of the guard may not have arrived yet.
    if (pipe.readableEnded || pipe.destroyed) reportExit();
    else pipe.once("close", reportExit);
  });
  // Our child is at least a zombie until its exit is handled, so its start time can still be read.
  const startTime = processes.stat(pid)?.startTime ?? 0;
  return { pid, startTime, bootId: processes.bootId };
}

/** Sets the nice value, for systems without the `renice` that the subshell uses. Raising a priority is privileged. */
function renice(pid: number, nice: number): void {
  try {
    setPriority(pid, nice);
  } catch {
    // The guard keeps the nice value of this process.
  }
}

/** Calls `onLine` for each line of the pipe, which is unreferenced, so that it does not keep this process alive. */
function listen(pipe: Socket, onLine: (line: string) => void): void {
  let buffer = "";
  pipe.setEncoding("latin1");
  pipe.on("data", (text: string) => {
    const lines = (buffer + text).split("\n");
    buffer = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  pipe.on("error", () => undefined);
  pipe.unref();
}
