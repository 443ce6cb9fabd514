import { spawn } from "node:child_process";
import { type FileHandle, open, stat, statfs, truncate } from "node:fs/promises";

/**
 * Keeps a log below its cap while its writers append to it. No byte of the log but its first line passes through this
 * process. The oldest half cap goes at once, so that trimming is rare.
 */

/** Where the first kept line does not end in so many bytes, it is cut. */
const LONGEST_FIRST_LINE = 16 * 1024;

const markerPattern = /^\[agentctl: (\d+) bytes of older output dropped\] *\n/;

/** Resolves with whether the command could be run and ended with 0. */
function succeeds(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
}

async function readHead(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_FIRST_LINE), 0, LONGEST_FIRST_LINE, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

/** The marker line, padded to the end of the first line on which it fits; `total` bytes are gone without it. */
function markerFor(head: string, total: number): string {
  const lineOf = (bytes: number) => `[agentctl: ${bytes} bytes of older output dropped]`;
  // The bytes that it overwrites count too, and may make its number a digit longer.
  const shortest = lineOf(total + LONGEST_FIRST_LINE).length;
  const newline = head.indexOf("\n", shortest);
  const length = newline < 0 ? shortest : newline;
  return `${lineOf(total + length + 1).padEnd(length)}\n`;
}

/** Cuts whole blocks off the front of the file, beside its writers; false where the file system cannot. */
async function collapse(path: string, bytes: number): Promise<boolean> {
  if (bytes <= 0) return false;
  return succeeds("fallocate", ["--collapse-range", "--offset", "0", "--length", String(bytes), path]);
}

/** Moves the end of the file to its front, in place: what is read is always ahead of what is written. */
async function moveToFront(path: string, keep: number): Promise<void> {
  const script = 'tail -c "$1" "$2" | dd of="$2" conv=notrunc bs=65536';
  const hasMoved = await succeeds("/bin/sh", ["-c", script, "sh", String(keep), path]);
  if (!hasMoved) throw new Error(`${path} could not be shortened`);
  await truncate(path, keep);
}

async function writeMarker(path: string, dropped: number, overwritten: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(markerFor(await readHead(file), dropped - overwritten), 0, "latin1");
  } finally {
    await file.close();
  }
}

async function formerMarker(path: string): Promise<{ dropped: number; length: number }> {
  const file = await open(path, "r");
  try {
    const [line = "", dropped = "0"] = markerPattern.exec(await readHead(file)) ?? [];
    return { dropped: Number(dropped), length: line.length };
  } finally {
    await file.close();
  }
}

/**
 * Shortens a log that has grown over `capBytes` to about half of it, and gives the bytes by which it became shorter; 0
 * when it was not too long. Its first line then says how many bytes of output are missing in all. Where the file system
 * cannot cut from the front, the writers are stopped meanwhile by `stop` and continued by `cont`, whatever happens.
 * @throws when the file cannot be read or shortened, or `stop` throws
 */
export async function trimLog(
  path: string,
  capBytes: number,
  stop: () => void | Promise<void>,
  cont: () => void | Promise<void>,
): Promise<number> {
  const { size } = await stat(path);
  if (size <= capBytes) return 0;
  const former = await formerMarker(path);
  const surplus = size - Math.floor(capBytes / 2);
  const { bsize } = await statfs(path);
  const blocks = surplus - (surplus % bsize);
  let dropped = blocks;
  // Rounding down must not leave it above the cap.
  const isEnough = size - blocks <= capBytes;
  if (!isEnough || !(await collapse(path, blocks)))
    dropped = await shiftWhileStopped(path, capBytes, stop, cont);
  await writeMarker(path, former.dropped + dropped, former.length);
  return dropped;
}

async function shiftWhileStopped(
  path: string,
  capBytes: number,
  stop: () => void | Promise<void>,
  cont: () => void | Promise<void>,
): Promise<number> {
  try {
    await stop();
    const { size } = await stat(path);
    const keep = Math.min(size, Math.floor(capBytes / 2));
    await moveToFront(path, keep);
    return size - keep;
  } finally {
    await cont();
  }
}
