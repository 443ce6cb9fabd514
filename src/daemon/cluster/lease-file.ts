/** The lease of this machine, as its fuse reads it. Times are in seconds since boot. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fuse from "./fuse.sh";

/** Returns the seconds since boot, including time asleep. */
export function uptime(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
}

/** Keeps the lease file, and the small process that watches it in case this daemon dies. */
export class LeaseFile {
  readonly #file: string;
  readonly #home: string;
  readonly #fuse = randomUUID();
  #until = 0;

  constructor(home: string) {
    this.#home = home;
    this.#file = join(home, "lease");
  }

  /** Sets when the lease expires, in seconds since boot. */
  renew(until: number): void {
    this.#until = until;
    this.#write("");
  }

  /** Records that the trees are stopped, so that the fuse need not kill them. */
  markStopped(): void {
    this.#write(" still");
  }

  light(): void {
    this.#fuseProcess().unref();
  }

  /** Kills every process of a task of this home, as the fuse does. Resolves when none is left. */
  async burn(): Promise<void> {
    this.#until = 0;
    this.#write("");
    const child = this.#fuseProcess();
    await new Promise((resolve) => child.on("close", resolve).on("error", resolve));
  }

  #fuseProcess(): ChildProcess {
    const child = spawn("sh", ["-c", fuse, "agentctl-fuse", this.#file, this.#home, this.#fuse], {
      detached: true,
      stdio: "ignore",
      cwd: "/",
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    });
    child.on("error", () => {});
    return child;
  }

  /** Removes the lease file, because nothing runs here any more. The fuse then ends. */
  remove(): void {
    rmSync(this.#file, { force: true });
  }

  #write(state: string): void {
    const draft = `${this.#file}.new`;
    writeFileSync(draft, `${Math.round(this.#until * 100)} ${this.#fuse}${state}\n`, { mode: 0o600 });
    renameSync(draft, this.#file);
  }
}

/** Kills the processes of this home's tasks, which no store knows any more. */
export async function burnAndRemove(home: string): Promise<void> {
  const file = new LeaseFile(home);
  await file.burn();
  file.remove();
}
