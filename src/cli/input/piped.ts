/** What the caller pipes in: kept for a task, or said to be of no use. */
import { spawn } from "node:child_process";
import { fstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../command/context.ts";
import { usage } from "../command/usage.ts";

/** So much is kept for a task. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Standard input; on a terminal, whoever sits there is told that it is read. */
export function fromStdin({ stdin, out }: Pick<Context, "stdin" | "out">): NodeJS.ReadStream {
  const stream = stdin();
  if (stream.isTTY) out.note("this reads what you type until Ctrl-D; Ctrl-C leaves it");
  return stream;
}

/** All that is piped in. Throws a usage error for too much. */
export async function pipedBytes(context: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of fromStdin(context)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MOST_BYTES) {
      throw usage("--stdin -: more than 64 MiB cannot be kept", {
        hint: "agentctl run --stdin <file> opens a file of any size at every attempt",
      });
    }
  }
  return Buffer.concat(chunks);
}

/** A file with all that is piped in, for the daemon to copy; `remove` it then. Throws a usage error for too much. */
export async function pipedFile(context: Context): Promise<{ path: string; remove: () => void }> {
  const bytes = await pipedBytes(context);
  const folder = mkdtempSync(join(tmpdir(), "agentctl-stdin-"));
  const path = join(folder, "stdin");
  writeFileSync(path, bytes, { mode: 0o600 });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Whether data is there to be read, of which nothing is taken: a shell whose loop reads the same pipe goes on with it. A
 * terminal, a device, an empty file and a pipe that is empty or has ended have none.
 */
export async function hasUnreadStdin(): Promise<boolean> {
  try {
    const stat = fstatSync(0);
    if (stat.isFile()) return stat.size > offsetOf();
    if (stat.isFIFO() && stat.size > 0) return true;
    return (stat.isFIFO() || stat.isSocket()) && (await hasUnreadPipe());
  } catch {
    return false;
  }
}

/** Where a file that was handed over is read on; 0 where the system does not tell. */
function offsetOf(): number {
  try {
    return Number(/^pos:\s*(\d+)/m.exec(readFileSync("/proc/self/fdinfo/0", "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/**
 * Node cannot ask how much a pipe holds without reading from it. Perl, which nearly every system has, can; where it is
 * missing, nothing is said.
 */
async function hasUnreadPipe(): Promise<boolean> {
  const ask = `my $n = pack("L!", 0); ioctl(STDIN, $^O eq "linux" ? 0x541B : 0x4004667F, $n) or exit 2;
    exit(unpack("L", $n) > 0 ? 0 : 1)`;
  return await new Promise((resolve) => {
    const child = spawn("perl", ["-e", ask], { stdio: ["inherit", "ignore", "ignore"], timeout: 1000 });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}
