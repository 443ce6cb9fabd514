import { closeSync, fsyncSync, openSync } from "node:fs";

/** Has a file on disk, or with a folder the names in it: the name of a file is durable when its folder is. */
export function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
