/** Tests on a really full disk: a small file system in memory, which only root can mount. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { openDatabase, SqliteStore } from "../../src/store/sqlite/index.ts";
import { needsMounts } from "../harness/index.ts";
import { type Backend, outcomes, World } from "./world.ts";

const SIZE = 4 * 1024 * 1024;

/** A disk of 4 MiB with a store on it. */
class Disk {
  readonly folder = mkdtempSync(join(tmpdir(), "agentctl-disk-"));
  world!: World;
  store!: SqliteStore;

  constructor() {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", this.folder], { stdio: "ignore" });
  }

  open(): this {
    const db = openDatabase(join(this.folder, "agentctl.db"), () => {});
    this.store = new SqliteStore(db, { fault: () => {}, keepCheckpoints: () => 3 });
    this.world = new World({ store: this.store } as unknown as Backend);
    return this;
  }

  /** Fills the disk except for `leave` bytes. Returns a function that frees the space again. */
  fill(leave: number): () => void {
    const { bavail, bsize } = statfsSync(this.folder);
    const ballast = join(this.folder, "ballast");
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
    return () => rmSync(ballast);
  }

  /** Closes the store, with its -wal checkpointed as far as there was room, and opens it as the next daemon does. */
  restart(): this {
    this.store.close();
    return this.open();
  }

  remove(): void {
    this.store.close();
    execFileSync("umount", [this.folder]);
    rmSync(this.folder, { recursive: true });
  }
}

const test = base.extend<{ disk: Disk }>({
  disk: async ({ skip }, use) => {
    needsMounts(skip);
    const disk = new Disk().open();
    await disk.store.setQueue("default", { slots: 2 });
    await use(disk);
    disk.remove();
  },
});

test("if a commit finds no room, every write of its turn is refused", async ({ disk }) => {
  const { world } = disk;
  const { token } = await world.working();
  disk.fill(0);
  const turn = [world.submit(), world.step(token, "one"), world.save(token, "x".repeat(50_000))];
  expect(await outcomes(turn)).toEqual({ held: 0, refused: Array(3).fill("StoreUnavailable") });
});

test("writes succeed again when there is space, and the next daemon finds them", async ({ disk }) => {
  const { world } = disk;
  const { id, token } = await world.working();
  const makeRoom = disk.fill(0);
  await expect(world.save(token, "x".repeat(50_000))).rejects.toMatchObject({ name: "StoreUnavailable" });
  expect((await world.get(id)).state).toBe("working");
  makeRoom();
  expect((await world.save(token, "y")).seq).toBe(1);
  disk.restart();
  expect(`${await disk.store.checkpointData(id, 1)}`).toBe("y");
});

test("acknowledged writes are kept, wherever the disk becomes full", async ({ disk }) => {
  const acknowledged: number[] = [];
  for (let leave = 0; leave <= 300_000; leave += 25_000) {
    const makeRoom = disk.fill(leave);
    const all = await Promise.allSettled(
      Array.from({ length: 8 }, () => disk.world.submit({ labels: { x: "x".repeat(8000) } })),
    );
    acknowledged.push(...all.flatMap((one) => (one.status === "fulfilled" ? [one.value.id] : [])));
    makeRoom();
    disk.restart();
    expect((await disk.store.list({ limit: 1000 })).map(({ id }) => id)).toEqual(acknowledged);
  }
  expect(acknowledged.length).toBeGreaterThan(0);
});
