import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { chmod, open } from "node:fs/promises";

/** SHA-256 of a file, read in pieces, after which the file is on disk and nobody else's. */
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

/** SHA-256 of a module's file; empty where it is no file that can be read, which its start will tell. */
export function moduleHash(path: string): string {
  try {
    if (!statSync(path).isFile()) return "";
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return "";
  }
}
