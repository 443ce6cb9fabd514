/**
 * Measures and deletes what a task has left in its folder. That may be anything: links to itself, sparse files,
 * read-only folders, a hundred thousand files, names that are not UTF-8. So we follow no link, let other work run
 * between two batches, and treat a path as bytes.
 */
import { chmod, lstat, opendir, rmdir, unlink } from "node:fs/promises";

/** How many files are measured or deleted at the same time. */
const BATCH_SIZE = 32;
/** The unit of `st_blocks`, whatever the block size of the file system. */
const BLOCK_BYTES = 512;
/** How many files are measured at most; the rest count as 0 bytes, so that a huge folder delays nothing else. */
const MAX_MEASURED = 200_000;
/** How many times to empty a folder; if it is still not empty, some process still writes into it. */
const MAX_ROUNDS = 10;
const OWNER_RWX = 0o700;

/** A path as the system takes it: bytes, which need not be UTF-8. */
type Path = string | Buffer;

interface Entry {
  path: Buffer;
  isFolder: boolean;
}

/** Returns the bytes that the file system has allocated below the paths; what cannot be read counts as 0. */
export async function allocatedBytes(paths: readonly string[]): Promise<number> {
  const folders: Path[] = [...paths];
  let bytes = 0;
  let measured = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const batch of batchesOf(folder)) {
      const sizes = await Promise.all(batch.map(({ path }) => allocatedSize(path)));
      bytes += sizes.reduce((sum, each) => sum + each, 0);
      folders.push(...batch.filter(({ isFolder }) => isFolder).map(({ path }) => path));
      measured += batch.length;
      if (measured > MAX_MEASURED) return bytes;
    }
  }
  return bytes;
}

/** Deletes a file, or a folder with its content; makes read-only folders writable on the way. */
export async function removeTree(path: Path): Promise<void> {
  const stat = await lstat(path).catch(ignoreMissing);
  if (!stat) return;
  if (!stat.isDirectory()) return await unlink(path).catch(ignoreMissing);
  if ((stat.mode & OWNER_RWX) !== OWNER_RWX) await chmod(path, OWNER_RWX);
  for (let round = 1; ; round++) {
    await empty(path);
    try {
      return await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // Some file systems skip entries after a deleted one, so we read the folder again.
      if (code !== "ENOTEMPTY" || round === MAX_ROUNDS) throw error;
    }
  }
}

async function empty(folder: Path): Promise<void> {
  for await (const batch of batchesOf(folder)) {
    const files = batch.filter(({ isFolder }) => !isFolder);
    await Promise.all(files.map(({ path }) => unlink(path).catch(ignoreMissing)));
    for (const { path, isFolder } of batch) if (isFolder) await removeTree(path);
  }
}

/** Returns the path of an entry in a folder. */
export function below(folder: Path, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder), Buffer.from("/"), name]);
}

async function* batchesOf(folder: Path): AsyncGenerator<Entry[]> {
  const directory = await opendir(folder, { bufferSize: BATCH_SIZE, encoding: "buffer" as never }).catch(
    () => undefined,
  );
  if (!directory) return;
  let batch: Entry[] = [];
  for await (const entry of directory) {
    const name = entry.name as unknown as Buffer;
    batch.push({ path: below(folder, name), isFolder: entry.isDirectory() });
    if (batch.length < BATCH_SIZE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function allocatedSize(path: Path): Promise<number> {
  const stat = await lstat(path).catch(() => undefined);
  return (stat?.blocks ?? 0) * BLOCK_BYTES;
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
