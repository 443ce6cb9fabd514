import { createHash } from "node:crypto";
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
