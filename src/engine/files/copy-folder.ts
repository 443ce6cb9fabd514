import { cp, lstat } from "node:fs/promises";
import type { Ports } from "../ports.ts";
import { foldersOf } from "./environment.ts";

/** Copies a task's own folder to that of another: files, folders and links as they are; a pipe or a socket holds nothing to copy. */
export async function copyTaskFolder(ports: Pick<Ports, "places">, from: number, to: number): Promise<void> {
  const source = foldersOf(ports, from).folder;
  const isThere = await lstat(source).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  if (!isThere) return;
  await cp(source, foldersOf(ports, to).folder, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
    filter: async (path) => {
      const stat = await lstat(path);
      return stat.isDirectory() || stat.isFile() || stat.isSymbolicLink();
    },
  });
}
