/** Piped input: kept for a task, or reported as unused. */
import { spawn } from "node:child_process";
import { fstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../command/context.ts";
import { usage } from "../command/usage.ts";

/** How much piped input is kept for a task, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Returns stdin; on a terminal, tells the user that it is being read. */
export function fromStdin({ stdin, out }: Pick<Context, "stdin" | "out">): NodeJS.ReadStream {
  const stream = stdin();
  if (stream.isTTY) out.note("this reads what you type until Ctrl-D; Ctrl-C leaves it");
  return stream;
}

/** Reads all piped input. Throws a usage error if it is too much. */
export async function pipedBytes(context: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of fromStdin(context)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) {
      throw usage("--stdin -: more than 64 MiB cannot be kept", {
        hint: "agentctl run --stdin <file> opens a file of any size at every attempt",
      });
    }
  }
  return Buffer.concat(chunks);
}

/**
 * Writes all piped input to a file for the daemon to copy; call `remove` then. Throws a usage error if it is too much.
 */
export async function pipedFile(context: Context): Promise<{ path: string; remove: () => void }> {
  const bytes = await pipedBytes(context);
  const folder = mkdtempSync(join(tmpdir(), "agentctl-stdin-"));
  const path = join(folder, "stdin");
  writeFileSync(path, bytes, { mode: 0o600 });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Returns whether stdin has data to read, without taking any: a shell loop that reads the same pipe goes on with it. A
 * terminal, a device, an empty file, and a pipe that is empty or has ended have none.
 */
export async function hasUnreadStdin(): Promise<boolean> {
  try {
    const stat = fstatSync(0);
    if (stat.isFile()) return stat.size > stdinOffset();
    if (stat.isFIFO() && stat.size > 0) return true;
    return (stat.isFIFO() || stat.isSocket()) && (await hasUnreadPipe());
  } catch {
    return false;
  }
}

/** Returns the offset at which the inherited file on stdin is read further; 0 if the system does not report it. */
function stdinOffset(): number {
  try {
    return Number(/^pos:\s*(\d+)/m.exec(readFileSync("/proc/self/fdinfo/0", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/**
 * Asks Perl whether a pipe has data, as Node cannot know without reading from it. Nearly every system has Perl; without
 * it, returns false.
 */
async function hasUnreadPipe(): Promise<boolean> {
  const script = `my $n = pack("L!", 0); ioctl(STDIN, $^O eq "linux" ? 0x541B : 0x4004667F, $n) or exit 2;
    exit(unpack("L", $n) > 0 ? 0 : 1)`;
  return await new Promise((resolve) => {
    const child = spawn("perl", ["-e", script], { stdio: ["inherit", "ignore", "ignore"], timeout: 1000 });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}
