/** Durable writes: after a power failure, a file holds either its new or its old content. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Flushes a file to disk, or the entries of a folder: a new file name is durable only when its folder is flushed. */
export function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces the file with `content`, by default with mode 0600; the content is on disk when this returns. */
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

/** Like {@link writeDurably}, but follows a symlink, because a user may keep the file elsewhere. */
export function writeBehindLink(file: string, content: string): void {
  writeDurably(existsSync(file) ? realpathSync(file) : file, content);
}
