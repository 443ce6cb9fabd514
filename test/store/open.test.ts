import { hash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, describe, expect } from "vitest";
import type { AgentctlError } from "../../src/core/errors.ts";
import { type Database, openFile } from "../../src/store/sqlite/file/driver.ts";
import { openDatabase, SCHEMA_VERSION, SqliteStore } from "../../src/store/sqlite/index.ts";
import initial from "../../src/store/sqlite/migrations/0001.sql";
import { type Backend, KEPT, World } from "./world.ts";

/** A home that contains only a store. */
class Folder {
  readonly home = mkdtempSync(join(tmpdir(), "agentctl-open-"));
  readonly file = join(this.home, "agentctl.db");

  open(migrations?: readonly string[], backup: (from: number) => void = () => {}): Database {
    return openDatabase(this.file, backup, () => {}, migrations);
  }

  /** Opens the store, runs `work` with it, and closes it. */
  async with<T>(work: (world: World) => Promise<T>): Promise<T> {
    const store = new SqliteStore(this.open(), { fault: () => {}, keepCheckpoints: () => KEPT });
    try {
      return await work(new World({ store } as unknown as Backend));
    } finally {
      store.close();
    }
  }

  /** Fills the store with two hundred tasks, and closes it. */
  async filled(): Promise<this> {
    await this.with(async (world) => {
      await world.store.setQueue("default", { slots: 2 });
      await world.store.create(Array.from({ length: 200 }, () => world.seed({ name: "x".repeat(100) })));
    });
    return this;
  }

  /** Returns the error with which opening is refused. Checks that every file of the home stays the same. */
  refusal(): AgentctlError {
    const before = this.contents();
    let refused: unknown;
    try {
      this.open().close();
    } catch (error) {
      refused = error;
    }
    expect(this.contents(), "the files of the home").toEqual(before);
    expect(refused).toMatchObject({ name: "StoreUnavailable", exitCode: 6, data: { file: this.file } });
    return refused as AgentctlError;
  }

  contents(): Record<string, string> {
    const names = readdirSync(this.home, { recursive: true, encoding: "utf8" });
    const files = names.filter((name) => statSync(join(this.home, name)).isFile());
    return Object.fromEntries(
      files.map((name) => [name, hash("sha256", readFileSync(join(this.home, name)))]),
    );
  }

  /** Overwrites `length` bytes of the file from offset `at`. */
  scribble(at: number, length: number): void {
    const bytes = readFileSync(this.file);
    writeFileSync(this.file, bytes.fill(0xa5, at, at + length));
  }

  backup(name: string, secondsAgo: number): string {
    mkdirSync(join(this.home, "backups"), { recursive: true });
    const path = join(this.home, "backups", name);
    writeFileSync(path, "a backup");
    const at = Date.now() / 1000 - secondsAgo;
    utimesSync(path, at, at);
    return path;
  }
}

const test = base.extend<{ folder: Folder }>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner wants a pattern
  folder: async ({}, use) => {
    const folder = new Folder();
    await use(folder);
    rmSync(folder.home, { recursive: true });
  },
});

describe("a store that cannot be read is refused and left as it is", () => {
  test("if it is not a database", async ({ folder }) => {
    writeFileSync(folder.file, "this is a letter to my aunt\n".repeat(1000));
    expect(folder.refusal().message).toContain("is corrupt");
  });

  test("if its header was overwritten", async ({ folder }) => {
    (await folder.filled()).scribble(0, 100);
    expect(folder.refusal().message).toContain("is corrupt");
  });

  test("if one of its pages was overwritten", async ({ folder }) => {
    await folder.filled();
    folder.scribble(5 * 4096, 4096);
    expect(folder.refusal().message).toContain("is corrupt");
  });

  test.for([0.3, 0.6, 0.97])("if only the first %d of it is left", async (share, { folder }) => {
    await folder.filled();
    const bytes = readFileSync(folder.file);
    writeFileSync(folder.file, bytes.subarray(0, Math.floor(bytes.length * share)));
    expect(folder.refusal().message).toContain("is corrupt");
  });

  test("if it is corrupt with a -wal file beside it, as after a crash", async ({ folder }) => {
    await folder.filled();
    const crashed = new Folder();
    await folder.with(async (world) => {
      await world.submit();
      for (const suffix of ["", "-wal"]) copyFileSync(folder.file + suffix, crashed.file + suffix);
    });
    crashed.scribble(8 * 4096, 40 * 4096);
    expect(statSync(`${crashed.file}-wal`).size).toBeGreaterThan(0);
    expect(crashed.refusal().message).toContain("is corrupt");
    rmSync(crashed.home, { recursive: true });
  });

  test("if a newer agentctl wrote it", async ({ folder }) => {
    await folder.filled();
    const db = openFile(folder.file);
    db.pragma("user_version = 99");
    db.close();
    expect(folder.refusal().message).toContain(`schema 99, this one knows ${SCHEMA_VERSION}`);
  });

  test.for([
    [
      "a column less",
      "alter table tasks drop column env_names",
      'its table tasks has no column "env_names text not null"',
    ],
    [
      "a column more",
      "alter table queues add column colour text",
      'its table queues has a column "colour text"',
    ],
    ["a table less", "drop table stdin", "it has no table stdin"],
  ] as const)("if another build wrote it, with %s", async ([, change, told], { folder }) => {
    await folder.filled();
    const db = openFile(folder.file);
    db.exec(change);
    db.close();
    folder.backup("old.db", 5);
    const { message, hint } = folder.refusal();
    expect(message).toContain(`was written by another build of agentctl: ${told}`);
    expect(hint).toContain("AGENTCTL_HOME=<folder>");
  });

  test("if another program wrote it", async ({ folder }) => {
    const db = openFile(folder.file);
    db.exec("create table notes (text)");
    db.close();
    expect(folder.refusal().message).toContain("is not an agentctl store");
  });

  test("if it is empty although the home had a store before", async ({ folder }) => {
    writeFileSync(folder.file, "");
    folder.backup("old.db", 5);
    expect(folder.refusal().message).toContain("is empty, though this home has had tasks");
  });

  test("if it is a folder", async ({ folder }) => {
    mkdirSync(folder.file);
    folder.refusal();
  });
});

describe("a refusal", () => {
  test("names the newest backup, not the last by name", async ({ folder }) => {
    writeFileSync(folder.file, "x".repeat(5000));
    folder.backup("z.db", 100);
    const newest = folder.backup("a.db", 10);
    folder.backup("m.db", 50);
    folder.backup("newer-but-none.txt", 1);
    const { hint, data } = folder.refusal();
    expect([data.backup, hint?.includes(`agentctl daemon restore ${newest}`)]).toEqual([newest, true]);
  });

  test("says when there is no backup", async ({ folder }) => {
    writeFileSync(folder.file, "x".repeat(5000));
    const { hint, data } = folder.refusal();
    expect([data.backup, hint]).toEqual([null, "the file was left untouched; there is no backup"]);
  });
});

describe("opening a store", () => {
  test("makes a new file with the newest schema", async ({ folder }) => {
    const db = folder.open();
    expect(db.pragma("user_version", { simple: true })).toBe(SCHEMA_VERSION);
    db.close();
    expect(readdirSync(folder.home)).toEqual(["agentctl.db"]);
  });

  test("finds everything that was acknowledged before a crash", async ({ folder }) => {
    await folder.filled();
    const crashed = new Folder();
    const { id } = await folder.with(async (world) => {
      const task = await world.submit({ name: "last" });
      for (const suffix of ["", "-wal"]) copyFileSync(folder.file + suffix, crashed.file + suffix);
      return task;
    });
    expect((await crashed.with((world) => world.store.find("last")))?.id).toBe(id);
    rmSync(crashed.home, { recursive: true });
  });

  test("ignores a torn end of the -wal file, and finds everything before it", async ({ folder }) => {
    const crashed = new Folder();
    await folder.with(async (world) => {
      await world.store.setQueue("default", { slots: 2 });
      await world.submit({ name: "whole" });
      for (const suffix of ["", "-wal"]) copyFileSync(folder.file + suffix, crashed.file + suffix);
    });
    writeFileSync(`${crashed.file}-wal`, Buffer.alloc(3000, 7), { flag: "a" });
    expect((await crashed.with((world) => world.store.find("whole")))?.name).toBe("whole");
    rmSync(crashed.home, { recursive: true });
  });
});

describe("a migration", () => {
  const next = [initial, "alter table tasks add column colour text; update tasks set colour = 'red'"];
  const version = (folder: Folder) => {
    const db = openFile(folder.file, { readonly: true });
    const found = db.pragma("user_version", { simple: true });
    db.close();
    return found;
  };

  test("comes after a backup, and keeps the data", async ({ folder }) => {
    await folder.filled();
    const backups: number[] = [];
    const db = folder.open(next, (from) => backups.push(from));
    expect(db.prepare("select count(*) as n, colour from tasks group by colour").all()).toEqual([
      { n: 200, colour: "red" },
    ]);
    db.close();
    expect([backups, version(folder)]).toEqual([[1], 2]);
  });

  test("runs once", async ({ folder }) => {
    await folder.filled();
    folder.open(next).close();
    const backups: number[] = [];
    folder.open(next, (from) => backups.push(from)).close();
    expect([backups, version(folder)]).toEqual([[], 2]);
  });

  test("that fails leaves the store as the migrations before it made it", async ({ folder }) => {
    await folder.filled();
    const broken = [...next, "alter table tasks add column size text; update nowhere set x = 1"];
    expect(() => folder.open(broken)).toThrow(/no such table: nowhere/);
    const db = openFile(folder.file, { readonly: true });
    const columns = (db.pragma("table_info(tasks)") as { name: string }[]).map(({ name }) => name);
    expect([columns.includes("colour"), columns.includes("size")]).toEqual([true, false]);
    db.close();
    expect(version(folder)).toBe(2);
  });

  test("does not begin when the backup fails", async ({ folder }) => {
    await folder.filled();
    const fail = () => {
      throw new Error("no space for a backup");
    };
    expect(() => folder.open(next, fail)).toThrow("no space for a backup");
    expect(version(folder)).toBe(1);
  });

  test("of a new store needs no backup", async ({ folder }) => {
    const backups: number[] = [];
    folder.open(next, (from) => backups.push(from)).close();
    expect([backups, version(folder), existsSync(join(folder.home, "backups"))]).toEqual([[], 2, false]);
  });
});
