import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectOf } from "./json.ts";
import type { Json } from "./types.ts";

/** The longest path of a socket on macOS, in bytes without its final zero; Linux allows a few more. */
const MAX_PATH_BYTES = 103;

/** The socket to which an agent's hook connects. The hook sends a line of JSON and prints the line of the answer. */
export interface Gate {
  path: string;
  close(): void;
}

/** Opens a socket in `dir`, or in its own private temporary folder if that path is too long. */
export async function openGate(dir: string, answer: (question: Json) => Promise<string>): Promise<Gate> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const preferred = join(dir, "hook.sock");
  const isLong = Buffer.byteLength(preferred) > MAX_PATH_BYTES;
  const folder = isLong ? mkdtempSync(join(tmpdir(), "agentctl-hook-")) : dir;
  const path = join(folder, "hook.sock");
  rmSync(path, { force: true });
  const server = serve(answer);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    path,
    close() {
      server.close();
      rmSync(isLong ? folder : path, { recursive: true, force: true });
    },
  };
}

function serve(answer: (question: Json) => Promise<string>): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    let request = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      request += chunk;
    });
    socket.on("end", () => {
      answer(objectOf(request) ?? {}).then(
        (text) => socket.end(`${text}\n`),
        () => socket.end("\n"),
      );
    });
  });
}
