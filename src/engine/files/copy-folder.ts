import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink, utimes } from "node:fs/promises";
import type { Ports } from "../ports.ts";
import { foldersOf } from "./environment.ts";
import { below } from "./tree-files.ts";

/** Copies a task's own folder to another task: files, folders and symlinks. Pipes and sockets have no content. */
export async function copyTaskFolder(ports: Pick<Ports, "places">, from: number, to: number): Promise<void> {
  const source = foldersOf(ports, from).folder;
  const exists = await lstat(source).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  if (exists) await copyEntry(Buffer.from(source), Buffer.from(foldersOf(ports, to).folder));
}

/** Copies one entry. A path is bytes, because a name need not be UTF-8. */
async function copyEntry(from: Buffer, to: Buffer): Promise<void> {
  const stat = await lstat(from);
  if (stat.isSymbolicLink()) return await symlink(await readlink(from, { encoding: "buffer" }), to);
  if (stat.isDirectory()) await copyFolder(from, to, stat.mode);
  else if (stat.isFile()) await copyFile(from, to);
  else return;
  await utimes(to, stat.atime, stat.mtime);
}

async function copyFolder(from: Buffer, to: Buffer, mode: number): Promise<void> {
  // The mode is set last, because a read-only folder could not be filled. The task's own folder may exist already.
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of await readdir(from, { encoding: "buffer" })) {
    await copyEntry(below(from, name), below(to, name));
  }
  await chmod(to, mode & 0o7777);
}
