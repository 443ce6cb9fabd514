/** A disk that is full on demand, for tests of what must continue meanwhile. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { launcher } from "../harness/command.ts";
import { canMount, type Home } from "../harness/index.ts";

const LITTLE_BYTES = 300 * 1024;

export interface SmallDisk {
  fill(): Promise<void>;
  free(): Promise<void>;
  /** Returns the exit code of `agentctl list` if the daemon that it starts finds the disk full. */
  listWhileFull(): Promise<number | null>;
  /** The same if the disk has room for 300 KiB: enough to open the store, and a little more. */
  listWithLittleRoom(): Promise<number | null>;
  release(): Promise<void>;
}

/**
 * Mounts a file system of 8 MiB for the home if that is permitted. Otherwise limits the size of the daemon's files;
 * SQLite and the daemon meet that limit in the same places.
 */
export function smallDisk(home: Home): SmallDisk {
  return canMount() ? mounted(home) : limited(home);
}

function mounted(home: Home): SmallDisk {
  execFileSync("mkdir", ["-m", "700", home.dir]);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", home.dir]);
  const ballast = join(home.dir, "ballast");
  // The mark of a home. Without it, a folder that holds a file is refused.
  writeFileSync(join(home.dir, "daemon.lock"), "", { mode: 0o600 });
  return {
    async fill() {
      const file = openSync(ballast, "a", 0o600);
      try {
        for (const size of [65_536, 4096, 512]) while (wrote(file, size));
      } finally {
        closeSync(file);
      }
    },
    async free() {
      rmSync(ballast, { force: true });
    },
    async listWhileFull() {
      await this.fill();
      return (await home.cli("list")).code;
    },
    async listWithLittleRoom() {
      await this.fill();
      truncateSync(ballast, statSync(ballast).size - LITTLE_BYTES);
      return (await home.cli("list")).code;
    },
    async release() {
      rmSync(ballast, { force: true });
      await home.cli("cancel", "--all", "--grace", "0s");
      await home.cli("daemon", "stop");
      execFileSync("umount", ["-l", home.dir]);
    },
  };
}

function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) > 0;
  } catch {
    return false;
  }
}

function limited(home: Home): SmallDisk {
  const limit = async (bytes: string) => {
    const pid = await home.daemonPid();
    if (pid !== null) execFileSync("prlimit", ["--pid", `${pid}`, `--fsize=${bytes}:`]);
  };
  const listWithin = (bytes: number) => {
    const script = `ulimit -S -f ${bytes / 512}; exec "$@"`;
    return spawnSync("sh", ["-c", script, "sh", process.execPath, launcher, "list"], { env: home.env })
      .status;
  };
  return {
    fill: () => limit("1"),
    free: () => limit("unlimited"),
    listWhileFull: async () => listWithin(0),
    listWithLittleRoom: async () => listWithin(LITTLE_BYTES),
    release: () => limit("unlimited"),
  };
}
