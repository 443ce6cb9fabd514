/**
 * Detects whether somebody still reads what a command prints. Only a write shows that a reader has gone, and a command
 * that follows a silent task may write nothing for hours.
 */
import { constants, fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const CHECK_INTERVAL_MS = 500;

/**
 * Calls `onGone` once, when nobody reads the pipe or socket on stdout any more. The returned function stops the check.
 */
export function watchReader(stdout: NodeJS.WriteStream, onGone: () => void): () => void {
  const hasReader = readerCheck(stdout);
  if (!hasReader) return () => undefined;
  const timer = setInterval(() => {
    if (hasReader()) return;
    clearInterval(timer);
    onGone();
  }, CHECK_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Returns a check for the reader; undefined for files and terminals, whose reader never goes away. */
function readerCheck(stdout: NodeJS.WriteStream): (() => boolean) | undefined {
  const { fd = 1 } = stdout as { fd?: number };
  const stat = fstatSync(fd);
  // An empty write to a closed socket fails, which the stream emits as an error.
  if (stat.isSocket()) return () => stdout.writableLength > 0 || stdout.write("") || true;
  if (!stat.isFIFO() || process.platform !== "linux") return undefined;
  const readers = new PipeReaders(`pipe:[${stat.ino}]`);
  // Find the reader now: it may leave after the first byte.
  readers.hasReader();
  return () => readers.hasReader();
}

const O_ACCMODE = 3;

/**
 * Finds the process that holds the reading end of an anonymous pipe, in /proc. Node cannot poll a descriptor, and an
 * empty write to a pipe always succeeds. A process that we may not inspect stays invisible, so a reader counts as gone
 * only if we saw it before.
 */
class PipeReaders {
  readonly #pipe: string;
  /** The reader's descriptor in /proc. */
  #reader: string | undefined;
  #wasSeen = false;

  constructor(pipe: string) {
    this.#pipe = pipe;
  }

  hasReader(): boolean {
    if (this.#reader !== undefined && this.#isPipe(this.#reader)) return true;
    this.#reader = this.#find();
    this.#wasSeen ||= this.#reader !== undefined;
    return this.#reader !== undefined || !this.#wasSeen;
  }

  /** Finds the reader, in the order of pids near ours: the processes of a pipeline start at about the same time. */
  #find(): string | undefined {
    const distance = (pid: string) => Math.abs(Number(pid) - process.pid);
    const pids = entriesOf("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
    for (const pid of pids.sort((a, b) => distance(a) - distance(b))) {
      const fd = entriesOf(`/proc/${pid}/fd`).find(
        (name) => this.#isPipe(`/proc/${pid}/fd/${name}`) && isReadingEnd(`/proc/${pid}/fdinfo/${name}`),
      );
      if (fd !== undefined) return `/proc/${pid}/fd/${fd}`;
    }
    return undefined;
  }

  #isPipe(fd: string): boolean {
    try {
      return readlinkSync(fd) === this.#pipe;
    } catch {
      return false;
    }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isReadingEnd(fdinfo: string): boolean {
  try {
    const [, flags = "1"] = /^flags:\s*(\d+)/m.exec(readFileSync(fdinfo, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & O_ACCMODE) === constants.O_RDONLY;
  } catch {
    return false;
  }
}
