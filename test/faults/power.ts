/**
 * A home on a disk whose power can be cut: ext4 in an image, mounted by a loop device. To cut the power, we shut down
 * the file system without a flush, so everything that no fsync made durable is lost. The mount options turn off help
 * from the kernel: no timer commits the journal, and a rename does not make its file durable.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { type Home, isAnyBetween, needs, needsMounts, processes, signalTo, until } from "../harness/index.ts";
import { bootAnew } from "./stories.ts";

const SIZE = 96 * 1024 * 1024;
const OPTIONS = "loop,noauto_da_alloc,commit=300";

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const CUT = 'my $flags = pack("L", 2); open(D, "<", $ARGV[0]) && ioctl(D, 0x8004587d, $flags) || die "$!\\n"';

export class PowerDisk {
  readonly #home: Home;
  readonly #image: string;

  private constructor(home: Home) {
    this.#home = home;
    this.#image = join(home.root, "disk");
    writeFileSync(this.#image, "");
    truncateSync(this.#image, SIZE);
    execFileSync("mkfs.ext4", ["-q", this.#image]);
    mkdirSync(home.dir);
  }

  /** Mounts such a disk, empty, as the home's directory. Skips the test if this machine does not allow it. */
  static mounted(home: Home, skip: TestContext["skip"]): PowerDisk {
    needsMounts(skip);
    needs(skip, "mkfs.ext4", "perl");
    const disk = new PowerDisk(home);
    const { status, stderr } = disk.#mount();
    skip(status !== 0, `needs a loop device: ${stderr.trim()}`);
    rmdirSync(join(home.dir, "lost+found"));
    chmodSync(home.dir, 0o700);
    return disk;
  }

  #mount() {
    return spawnSync("mount", ["-o", OPTIONS, this.#image, this.#home.dir], { encoding: "utf8" });
  }

  /** Makes everything on the disk durable. */
  sync(): void {
    execFileSync("sync", ["-f", this.#home.dir]);
  }

  /** Cuts the power and restores it. No process of the home is left, and the disk holds only what was durable. */
  async fail(): Promise<void> {
    execFileSync("perl", ["-e", CUT, this.#home.dir]);
    const left = () => processes(this.#home.root);
    await until(
      () => {
        for (const { pid } of left()) signalTo(pid, "SIGKILL");
        return !isAnyBetween() && left().length === 0;
      },
      { message: "the end of all processes" },
    );
    await this.#unmount();
    const { status, stderr } = this.#mount();
    if (status !== 0) throw new Error(`the disk does not come back: ${stderr}`);
    // If the first daemon had not yet made its store, no task had begun.
    if (!existsSync(join(this.#home.dir, "agentctl.db"))) return;
    bootAnew(this.#home);
    this.sync();
  }

  /** Unmounts the disk. A killed process may hold files for a short time; after 10 s we detach the disk from it. */
  async #unmount(): Promise<void> {
    const unmounted = () => spawnSync("umount", [this.#home.dir]).status === 0;
    await until(unmounted, { deadlineMs: 10_000 }).catch(() =>
      execFileSync("umount", ["-l", this.#home.dir]),
    );
  }

  /** Ends everything that runs on the disk, and removes the disk. */
  async remove(): Promise<void> {
    await this.#home.cli("cancel", "--all", "--grace", "0s");
    await this.#home.cli("daemon", "stop");
    execFileSync("umount", ["-l", this.#home.dir]);
  }
}
