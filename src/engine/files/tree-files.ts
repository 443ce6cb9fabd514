/**
 * Measures and deletes what a task has left in its folder. It may have left anything: links to itself, files with holes,
 * read-only folders, a hundred thousand files. So no link is followed, and others have their turn between two batches.
 */
import type { Dirent } from "node:fs";
import { chmod, lstat, opendir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";

/** So many files are looked at or deleted at the same time. */
const BATCH = 32;
/** `st_blocks` counts these, whatever the block size of the file system. */
const BLOCK_BYTES = 512;
/** What is below the bound of a walk is not counted: a task that leaves more is measured too small, and nobody waits for it. */
const MOST_MEASURED = 200_000;
/** Something still writes into a folder that does not get empty. */
const MOST_ROUNDS = 10;
const OWNER_MAY_ALL = 0o700;

/** The bytes that the file system has allocated below the paths; what cannot be read counts nothing. */
export async function allocatedBytes(paths: readonly string[]): Promise<number> {
  const folders = [...paths];
  let bytes = 0;
  let measured = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const batch of batchesOf(folder)) {
      const found = await Promise.all(batch.map((entry) => allocated(join(entry.parentPath, entry.name))));
      bytes += found.reduce((sum, each) => sum + each, 0);
      folders.push(
        ...batch.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)),
      );
      measured += batch.length;
      if (measured > MOST_MEASURED) return bytes;
    }
  }
  return bytes;
}

/** Deletes a file or a folder with all below it; folders that are read-only are opened up on the way. */
export async function removeTree(path: string): Promise<void> {
  const stat = await lstat(path).catch(unlessGone);
  if (!stat) return;
  if (!stat.isDirectory()) return await unlink(path).catch(unlessGone);
  if ((stat.mode & OWNER_MAY_ALL) !== OWNER_MAY_ALL) await chmod(path, OWNER_MAY_ALL);
  for (let round = 1; ; round++) {
    await empty(path);
    try {
      return await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // Some file systems leave entries out that stood behind a deleted one.
      if (code !== "ENOTEMPTY" || round === MOST_ROUNDS) throw error;
    }
  }
}

async function empty(folder: string): Promise<void> {
  for await (const batch of batchesOf(folder)) {
    const files = batch.filter((entry) => !entry.isDirectory());
    await Promise.all(files.map(({ name }) => unlink(join(folder, name)).catch(unlessGone)));
    for (const entry of batch) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
}

async function* batchesOf(folder: string): AsyncGenerator<Dirent[]> {
  const opened = await opendir(folder, { bufferSize: BATCH }).catch(() => undefined);
  if (!opened) return;
  let batch: Dirent[] = [];
  for await (const entry of opened) {
    // Not in the types and entries of the oldest Node that is supported.
    batch.push(Object.assign(entry, { parentPath: folder }));
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function allocated(path: string): Promise<number> {
  const stat = await lstat(path).catch(() => undefined);
  return (stat?.blocks ?? 0) * BLOCK_BYTES;
}

function unlessGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
