/**
 * Whether somebody still reads what a command prints. Only a write tells that a reader has gone, and a command that
 * follows a silent task writes nothing, perhaps for hours.
 */
import { constants, fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const LOOK_MS = 500;

/** Calls `gone` once when stdout is a pipe or a socket that nobody reads any more; the returned function ends that. */
export function watchReader(stdout: NodeJS.WriteStream, gone: () => void): () => void {
  const look = lookOf(stdout);
  if (!look) return () => undefined;
  const timer = setInterval(() => {
    if (look()) return;
    clearInterval(timer);
    gone();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What tells whether there is a reader; undefined for files and terminals, which have no reader that goes away. */
function lookOf(stdout: NodeJS.WriteStream): (() => boolean) | undefined {
  const { fd = 1 } = stdout as { fd?: number };
  const stat = fstatSync(fd);
  // An empty write to a closed socket fails, which the stream tells as an error.
  if (stat.isSocket()) return () => stdout.writableLength > 0 || stdout.write("") || true;
  if (!stat.isFIFO() || process.platform !== "linux") return undefined;
  const readers = new PipeReaders(`pipe:[${stat.ino}]`);
  // Now, before the first byte after which it may leave.
  readers.areThere();
  return () => readers.areThere();
}

const O_ACCMODE = 3;

/**
 * The processes that have the reading end of an anonymous pipe, as /proc shows them: Node cannot poll a descriptor, and
 * an empty write to a pipe always succeeds. One that may not be looked into is never seen, so only a reader that was
 * seen can be missed.
 */
class PipeReaders {
  readonly #pipe: string;
  /** Its descriptor in /proc. */
  #reader: string | undefined;
  #wasSeen = false;

  constructor(pipe: string) {
    this.#pipe = pipe;
  }

  areThere(): boolean {
    if (this.#reader !== undefined && this.#isPipe(this.#reader)) return true;
    this.#reader = this.#find();
    this.#wasSeen ||= this.#reader !== undefined;
    return this.#reader !== undefined || !this.#wasSeen;
  }

  /** The other end of a pipeline was started about when this process was. */
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
