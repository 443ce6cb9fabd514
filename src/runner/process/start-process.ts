/**
 * Starts processes. Node forks to do so, which copies the page tables of this process and blocks everything else for
 * several milliseconds if much memory is in use. On Linux, if koffi is available, posix_spawn(3) is called instead: it
 * takes a tenth of the time, for any memory size.
 */
import { type SpawnOptions, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { type Libc, loadLibc } from "./libc.ts";

/** A descriptor of the child: nothing, a pipe that the child reads or writes, or an open file of this process. */
type Descriptor = "ignore" | "read" | "written" | number;

export interface ProcessOptions {
  cwd: string;
  /** The child's whole environment. */
  env: Readonly<Record<string, string>>;
  /** The child's descriptors. The first is its stdin. */
  descriptors: readonly Descriptor[];
}

/** A process that was started. */
export interface Started {
  /** Undefined if no process could be created. Then `error` is emitted. */
  readonly pid?: number | undefined;
  /** This process's ends of the pipes, by descriptor of the child. */
  readonly stdio: readonly (Socket | null)[];
  once(event: "exit", listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
  once(event: "error", listener: (cause: NodeJS.ErrnoException) => void): unknown;
}

/**
 * Starts the program at the path `file` in a session of its own. The child inherits no ignored or blocked signals, and
 * only the given variables and descriptors. It does not keep this process alive.
 */
export function startProcess(file: string, args: readonly string[], options: ProcessOptions): Started {
  libc = libc === undefined ? findLibc() : libc;
  // For a text that contains a NUL, Node reports an error.
  const hasNoNul = ![file, options.cwd, ...args, ...Object.entries(options.env).flat()]
    .join("")
    .includes("\0");
  return libc !== null && hasNoNul
    ? new SpawnedProcess(libc, file, args, options)
    : startWithNode(file, args, options);
}

/** Null if Node must start the processes; undefined before the first process. */
let libc: Libc | null | undefined;

function findLibc(): Libc | null {
  try {
    return process.platform === "linux" ? loadLibc() : null;
  } catch {
    return null;
  }
}

function startWithNode(
  file: string,
  args: readonly string[],
  { cwd, env, descriptors }: ProcessOptions,
): Started {
  const stdio = descriptors.map((each) => (each === "read" || each === "written" ? "pipe" : each));
  // Node passes NODE_V8_COVERAGE on unless `env` names it.
  const variables = { NODE_V8_COVERAGE: undefined, ...env };
  const child = spawn(file, args, { cwd, env: variables, detached: true, stdio } as SpawnOptions);
  child.on("error", () => undefined);
  child.unref();
  return child as unknown as Started;
}

/** A file for a child has at least this number in this process, so that none overwrites another in the child. */
const MIN_FD = 10;

/** The children that live, or whose end was not yet noticed. */
const children = new Map<number, SpawnedProcess>();

class SpawnedProcess extends EventEmitter implements Started {
  readonly pid?: number;
  readonly stdio: (Socket | null)[];

  constructor(libc: Libc, file: string, args: readonly string[], { cwd, env, descriptors }: ProcessOptions) {
    super();
    this.on("error", () => undefined);
    if (children.size === 0) process.on("SIGCHLD", collect);
    const files = new ChildFiles(libc);
    let pid: number;
    try {
      const duplicates = descriptors.map((each, to) => [files.forChild(each, to), to] as const);
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      pid = libc.spawn({ file, argv: [file, ...args], env: variables, cwd, duplicates });
    } catch (error) {
      pid = (error as { errno?: number }).errno ?? -constants.errno.EINVAL;
    }
    files.close();
    if (pid > 0) {
      this.pid = pid;
      children.set(pid, this);
      this.stdio = descriptors.map((each, to) => socketOn(files.ends.get(to), each === "read"));
      return;
    }
    for (const fd of files.ends.values()) closeSync(fd);
    this.stdio = descriptors.map(() => null);
    if (children.size === 0) process.off("SIGCHLD", collect);
    const code = getSystemErrorName(pid);
    const cause = Object.assign(new Error(`spawn ${file} ${code}`), { code, errno: pid });
    process.nextTick(() => this.emit("error", cause));
  }
}

/** The files that are opened to start one process. */
class ChildFiles {
  /** This process's ends of the pipes, by descriptor of the child. */
  readonly ends = new Map<number, number>();
  readonly #libc: Libc;
  readonly #toClose: number[] = [];
  #nullFd: number | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Returns the file of this process that the child gets as `to`. Throws an error with an `errno` if none is left. */
  forChild(descriptor: Descriptor, to: number): number {
    if (typeof descriptor === "number") return this.#duplicateHigh(descriptor);
    if (descriptor === "ignore") {
      this.#nullFd ??= this.#duplicateHigh(this.#closeLater(openSync("/dev/null", "r+")));
      return this.#nullFd;
    }
    const pipe = this.#libc.pipe();
    const [ownEnd, childEnd] = descriptor === "read" ? [pipe.write, pipe.read] : [pipe.read, pipe.write];
    this.ends.set(to, ownEnd);
    return this.#duplicateHigh(this.#closeLater(childEnd));
  }

  /** Closes the files that only the child needs. */
  close(): void {
    for (const fd of this.#toClose) closeSync(fd);
  }

  #closeLater(fd: number): number {
    this.#toClose.push(fd);
    return fd;
  }

  #duplicateHigh(fd: number): number {
    return fd >= MIN_FD ? fd : this.#closeLater(this.#libc.duplicate(fd, MIN_FD));
  }
}

function socketOn(fd: number | undefined, isWritten: boolean): Socket | null {
  if (fd === undefined) return null;
  const socket = new Socket({ fd, readable: !isWritten, writable: isWritten });
  socket.unref();
  return socket;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Collects the children that have ended, and emits `exit` for each. One signal may stand for several ends. */
function collect(): void {
  for (const [pid, child] of children) {
    const status = libc?.waitFor(pid);
    if (status === undefined) continue;
    children.delete(pid);
    const signal = status & 0x7f;
    child.emit("exit", signal === 0 ? (status >> 8) & 0xff : null, signalNames.get(signal) ?? null);
  }
  if (children.size === 0) process.off("SIGCHLD", collect);
}
