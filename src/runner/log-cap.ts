import { spawn } from "node:child_process";
import { type FileHandle, open, stat, statfs, truncate } from "node:fs/promises";

/**
 * Keeps a log below its cap while its writers append to it. Only the log's first line passes through this process.
 * About half of the cap is dropped at once, so that trimming is rare.
 */

/** The first line that is kept is cut if it is longer than this many bytes. */
const MAX_FIRST_LINE_BYTES = 16 * 1024;

const markerPattern = /^\[agentctl: (\d+) bytes of older output dropped\] *\n/;

/** Runs a command. Resolves with whether it could be started and exited with 0. */
function run(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
}

async function readHead(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(MAX_FIRST_LINE_BYTES),
    0,
    MAX_FIRST_LINE_BYTES,
    0,
  );
  return buffer.toString("latin1", 0, bytesRead);
}

/** Returns the marker line, padded to the first end of a line at which it fits. `total` excludes the bytes under it. */
function markerFor(head: string, total: number): string {
  const lineOf = (bytes: number) => `[agentctl: ${bytes} bytes of older output dropped]`;
  // The bytes that the marker overwrites count too, and may make its number one digit longer.
  const minLength = lineOf(total + MAX_FIRST_LINE_BYTES).length;
  const newline = head.indexOf("\n", minLength);
  const length = newline < 0 ? minLength : newline;
  return `${lineOf(total + length + 1).padEnd(length)}\n`;
}

/** Cuts whole blocks off the front of the file while its writers run. Resolves with false if the file system cannot. */
async function collapse(path: string, bytes: number): Promise<boolean> {
  if (bytes <= 0) return false;
  return run("fallocate", ["--collapse-range", "--offset", "0", "--length", String(bytes), path]);
}

/** Moves the end of the file to its front. This works in place because reading is always ahead of writing. */
async function moveToFront(path: string, keptBytes: number): Promise<void> {
  const script = 'tail -c "$1" "$2" | dd of="$2" conv=notrunc bs=65536';
  const hasMoved = await run("/bin/sh", ["-c", script, "sh", String(keptBytes), path]);
  if (!hasMoved) throw new Error(`${path} could not be shortened`);
  await truncate(path, keptBytes);
}

async function writeMarker(path: string, dropped: number, overwritten: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(markerFor(await readHead(file), dropped - overwritten), 0, "latin1");
  } finally {
    await file.close();
  }
}

async function readMarker(path: string): Promise<{ dropped: number; length: number }> {
  const file = await open(path, "r");
  try {
    const [line = "", dropped = "0"] = markerPattern.exec(await readHead(file)) ?? [];
    return { dropped: Number(dropped), length: line.length };
  } finally {
    await file.close();
  }
}

/**
 * Shortens a log that has grown over `capBytes` to about half of it. Resolves with the number of bytes dropped, or 0 if
 * the log was not too long. Its first line then says how many bytes of output are missing in total. If the file system
 * cannot cut from the front, `stop` stops the writers meanwhile, and `resume` continues them in any case.
 * @throws if the file cannot be read or shortened, or `stop` throws
 */
export async function trimLog(
  path: string,
  capBytes: number,
  stop: () => void | Promise<void>,
  resume: () => void | Promise<void>,
): Promise<number> {
  const { size } = await stat(path);
  if (size <= capBytes) return 0;
  const previous = await readMarker(path);
  const surplus = size - Math.floor(capBytes / 2);
  const { bsize } = await statfs(path);
  const blocks = surplus - (surplus % bsize);
  let dropped = blocks;
  // Rounding down must not leave the log above the cap.
  const isEnough = size - blocks <= capBytes;
  if (!isEnough || !(await collapse(path, blocks)))
    dropped = await shiftWhileStopped(path, capBytes, stop, resume);
  await writeMarker(path, previous.dropped + dropped, previous.length);
  return dropped;
}

async function shiftWhileStopped(
  path: string,
  capBytes: number,
  stop: () => void | Promise<void>,
  resume: () => void | Promise<void>,
): Promise<number> {
  try {
    await stop();
    const { size } = await stat(path);
    const keptBytes = Math.min(size, Math.floor(capBytes / 2));
    await moveToFront(path, keptBytes);
    return size - keptBytes;
  } finally {
    await resume();
  }
}
