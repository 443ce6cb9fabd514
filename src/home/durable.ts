/** Files that are trusted later: after a power failure they hold what was written, or are as they were before. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Has a file on disk, or with a folder the names in it: the name of a file is durable when its folder is. */
export function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Puts `content` in the place of the file, mode 0600 unless `mode` says otherwise; on disk when this returns. */
export function writeDurably(file: string, content: string | Uint8Array, mode = 0o600): void {
  const draft = `${file}.${process.pid}.new`;
  try {
    const fd = openSync(draft, "w", mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
    sync(dirname(file));
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
