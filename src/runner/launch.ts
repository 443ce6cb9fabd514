import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, renameSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import guardScript from "./guard.sh";
import { createHandle, type Handle } from "./handle.ts";
import type { Processes } from "./processes.ts";
import { endedWith, GUARD_NAME, parseBirth, readBirth, readEnd, runFiles, writeWords } from "./run-files.ts";
import type { LaunchSpec, ProcessId, Running } from "./types.ts";
import { watch } from "./watch.ts";

/** What launching and adopting share. */
export interface Supervision {
  runDir: string;
  clock: { now(): number };
  processes: Processes;
  /** The programs' umask, octal. */
  umask: string;
  /** The file of the guard's script. */
  guard: string;
}

/**
 * Puts the guard's script where guards read it, and gives its path. The name follows from its content: an upgrade
 * never changes the script under a guard that is still reading it.
 */
export function installGuard(runDir: string): string {
  const hash = createHash("sha256").update(guardScript).digest("hex").slice(0, 8);
  const file = join(runDir, `${GUARD_NAME}-${hash}.sh`);
  if (existsSync(file)) return file;
  writeFileSync(`${file}.new`, guardScript, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return file;
}

const CANNOT_START = 126;

function spawnGuard(spec: LaunchSpec, { runDir, processes, umask, guard }: Supervision): ChildProcess {
  const files = runFiles(runDir, spec.key);
  const words = writeWords(files, spec.env) ?? "";
  const unset = spec.env.PWD === undefined ? "PWD" : "";
  const log = openSync(spec.logFile, "a", 0o600);
  try {
    const parameters = [files.pid, files.exit, processes.bootId, umask, words, unset, "--", ...spec.argv];
    return spawn("/bin/sh", [guard, ...parameters], {
      cwd: spec.cwd,
      // Node hands this one variable on by itself unless it is named.
      env: { ...spec.env, NODE_V8_COVERAGE: spec.env.NODE_V8_COVERAGE },
      detached: true,
      stdio: ["ignore", log, log, "pipe"],
    });
  } finally {
    closeSync(log);
  }
}

function identify(pid: number, processes: Processes): ProcessId {
  // Our own child is at least a zombie until its exit was handled, so it can still be read.
  return { pid, startTime: processes.stat(pid)?.startTime ?? 0, bootId: processes.bootId };
}

/**
 * Reads what the guard says: the program's identity, and its status where that cannot be written to disk. Unreferenced,
 * so that it holds no process open.
 */
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

function supervise(child: ChildProcess, handle: Handle, spec: LaunchSpec, supervision: Supervision): void {
  const { processes, clock, runDir } = supervision;
  const files = runFiles(runDir, spec.key);
  const pipe = child.stdio[3] as Socket;
  const end = (status: number) => handle.end(endedWith(status, clock.now()));
  listen(pipe, (line) => {
    if (/^\d{1,3}$/.test(line)) return end(Number(line));
    const birth = parseBirth(line, processes);
    if (birth) handle.born(birth.program);
  });
  child.on("exit", (code) => {
    if (code === null) handle.guardGone();
    const settle = () => {
      const birth = handle.running.program ? undefined : readBirth(files, processes);
      if (birth) handle.born(birth.program);
      if (code !== null) return end(code);
      const left = readEnd(files);
      if (left) return handle.end(left);
      watch(handle, supervision);
    };
    // What the guard said may still be on its way.
    if (handle.running.program || pipe.readableEnded || pipe.destroyed) return settle();
    pipe.ref();
    pipe.once("close", settle);
  });
}

/** Starts a guard with its program. See `Runner.launch`. */
export function launch(spec: LaunchSpec, supervision: Supervision): Running {
  const { processes, clock } = supervision;
  const refuse = (handle: Handle, cause: Error) => {
    handle.neverBorn(cause);
    handle.end(endedWith(CANNOT_START, clock.now()));
  };
  let child: ChildProcess;
  try {
    child = spawnGuard(spec, supervision);
  } catch (error) {
    const handle = createHandle(spec, null, null);
    refuse(handle, error as Error);
    return handle.running;
  }
  const guard = child.pid === undefined ? null : identify(child.pid, processes);
  const handle = createHandle(spec, guard, null);
  child.on("error", (error) => {
    if (child.pid === undefined) refuse(handle, error);
  });
  if (guard) supervise(child, handle, spec, supervision);
  return handle.running;
}
