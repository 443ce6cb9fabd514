import { closeSync, readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Gives this process what a daemon has, whoever started it: umask, priority, and no open file of somebody else. */
export function dropInherited(): void {
  process.umask(0o077);
  try {
    setPriority(0);
  } catch {
    // To raise a priority takes a privilege.
  }
  closeInherited();
}

const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what was open when this process began. Node closes the lowest of these on exec, and opens nothing itself that
 * would stay open through one, so what would is not its own. Where the system has no /proc, macOS, Node starts processes
 * without any of it.
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
    // The folder itself was open while it was read.
    return false;
  }
}
