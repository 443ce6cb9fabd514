import { closeSync, fsyncSync, openSync } from "node:fs";

/** The name of a file is durable when its folder is. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
