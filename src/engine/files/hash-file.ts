import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { chmod, open } from "node:fs/promises";

/** Returns the SHA-256 of a file, read in chunks. Also sets its mode to 0600 and flushes it to disk. */
export async function sha256OfFile(path: string): Promise<string> {
  await chmod(path, 0o600);
  const file = await open(path, "r+");
  try {
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
    await file.sync();
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

/** Returns the SHA-256 of a module's file; empty if it cannot be read, because the start of the task reports that. */
export function moduleHash(path: string): string {
  try {
    if (!statSync(path).isFile()) return "";
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return "";
  }
}
