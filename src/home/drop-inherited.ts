import { closeSync, readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Gives this process the umask and priority of a daemon and closes inherited files, whichever process started it. */
export function dropInherited(): void {
  process.umask(0o077);
  try {
    setPriority(0);
  } catch {
    // Raising the priority requires a privilege.
  }
  closeInherited();
}

const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes the files that were open when this process began. Node marks the lowest file descriptors close-on-exec, and
 * every file that Node itself opens too. So a file without that mark was inherited. If the system has no /proc (macOS),
 * we close nothing: there, Node starts processes without any inherited file.
 */
function closeInherited(): void {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fdinfo");
  } catch {
    return;
  }
  for (const fd of names.map(Number)) if (fd > 3 && staysOpen(fd)) closeSync(fd);
}

function staysOpen(fd: number): boolean {
  try {
    const [, flags = "0"] =
      /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // The directory's own descriptor was open only while it was read.
    return false;
  }
}
