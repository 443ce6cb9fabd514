import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, describe, expect } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import { type Database, openFile } from "../../../src/store/sqlite/file/driver.ts";
import { GroupCommit, storeError } from "../../../src/store/sqlite/group-commit.ts";

const names = ["create", "start", "step", "cancel"] as const;

/** Writes to one table, and records the order in which things happen. */
class Ledger {
  readonly db = openFile(":memory:");
  readonly happened: string[] = [];
  readonly commits = new GroupCommit(this.db, {
    fault: (point) => this.happened.push(point),
    committed: () => this.happened.push("committed"),
  });

  constructor() {
    this.db.exec("create table entries (n integer unique)");
  }

  write(n: number): Promise<number> {
    const insert = () => Number(this.db.prepare("insert into entries values (?)").run(n).lastInsertRowid);
    return this.commits.write(names[n] ?? "create", insert);
  }

  entries(): unknown[] {
    return this.db.prepare("select n from entries order by n").pluck().all();
  }
}

const test = base.extend<{ ledger: Ledger }>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner wants a pattern
  ledger: async ({}, use) => {
    const ledger = new Ledger();
    await use(ledger);
    ledger.db.close();
  },
});

const settled = async (promises: Promise<unknown>[]) =>
  (await Promise.allSettled(promises)).map(({ status }) => (status === "fulfilled" ? "held" : "refused"));

test("writes of one turn share one commit, those of the next have their own", async ({ ledger }) => {
  await Promise.all([ledger.write(1), ledger.write(2)]);
  await ledger.write(3);
  expect(ledger.happened).toEqual([
    ...["start:before-commit", "step:before-commit", "start:after-commit", "step:after-commit", "committed"],
    ...["cancel:before-commit", "cancel:after-commit", "committed"],
  ]);
});

test("nothing is written before the turn is over", async ({ ledger }) => {
  const write = ledger.write(1);
  await Promise.resolve();
  expect(ledger.entries()).toEqual([]);
  await write;
  expect(ledger.entries()).toEqual([1]);
});

describe("a write that throws", () => {
  test("alone leaves no transaction open", async ({ ledger }) => {
    await ledger.write(1);
    expect(await settled([ledger.write(1)])).toEqual(["refused"]);
    expect([ledger.db.inTransaction, ledger.entries()]).toEqual([false, [1]]);
  });

  test("among others is undone, and the others are kept", async ({ ledger }) => {
    const writes = [ledger.write(1), ledger.write(1), ledger.write(2)];
    expect(await settled(writes)).toEqual(["held", "refused", "held"]);
    expect(ledger.entries()).toEqual([1, 2]);
  });

  test("after it wrote something leaves nothing of it", async ({ ledger }) => {
    const half = ledger.commits.write("update", () => {
      ledger.db.prepare("insert into entries values (9)").run();
      throw new Error("changed its mind");
    });
    expect(await settled([half, ledger.write(1)])).toEqual(["refused", "held"]);
    expect(ledger.entries()).toEqual([1]);
  });
});

test("if the whole transaction is rolled back, all its writes are refused", async ({ ledger }) => {
  const rollback = ledger.commits.write("update", () => {
    ledger.db.exec("rollback");
    throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
  });
  expect(await settled([ledger.write(1), rollback, ledger.write(2)])).toEqual([
    "refused",
    "refused",
    "refused",
  ]);
  expect(ledger.entries()).toEqual([]);
  await ledger.write(3);
  expect(ledger.entries()).toEqual([3]);
});

test("a listener that throws does not change the result of a write", async () => {
  const db = openFile(":memory:");
  const fail = () => {
    throw new Error("a listener's bug");
  };
  const commits = new GroupCommit(db, { fault: () => {}, committed: fail });
  const write = commits.write("update", () => 7);
  expect(() => commits.flush()).toThrow("a listener's bug");
  expect(await write).toBe(7);
  db.close();
});

describe("an error of SQLite", () => {
  const of = (code: string) => storeError(Object.assign(new Error("oops"), { code }));

  test.each(["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT_INDEX", "SQLITE_READONLY", "SQLITE_BUSY"])(
    "with the code %s becomes StoreUnavailable",
    (code) => {
      expect(of(code)).toMatchObject({ name: "StoreUnavailable", exitCode: 6, data: { sqlite: code } });
    },
  );

  test("for a full disk says that the disk is full", () => {
    expect((of("SQLITE_FULL") as Error).message).toBe("the store cannot be used: the disk is full");
  });

  test("for a broken constraint stays a bug, and an AgentctlError stays as it is", () => {
    expect(of("SQLITE_CONSTRAINT_UNIQUE")).not.toBeInstanceOf(AgentctlError);
    const expected = new AgentctlError("StaleAttempt");
    expect(storeError(expected)).toBe(expected);
  });
});

describe("while another program holds the write lock", () => {
  const locked = async (use: (commits: GroupCommit, free: () => void) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), "locked-"));
    const [db, other] = [1, 2].map(() => openFile(join(folder, "db"), { timeout: 0 })) as [
      Database,
      Database,
    ];
    try {
      db.exec("create table entries (n integer)");
      other.exec("begin immediate");
      await use(new GroupCommit(db, { fault: () => {}, committed: () => {} }), () => other.exec("rollback"));
    } finally {
      db.close();
      other.close();
      rmSync(folder, { recursive: true });
    }
  };

  test("a write waits without blocking the event loop", async () => {
    await locked(async (commits, free) => {
      const write = commits.write("create", () => "written");
      const first = await Promise.race([write, new Promise((resolve) => setTimeout(resolve, 200, "others"))]);
      expect(first).toBe("others");
      free();
      expect(await write).toBe("written");
    });
  });

  test("a write that waits no longer rejects with an error about the lock, not about the disk", async () => {
    await locked(async (commits) => {
      const write = commits.write("create", () => "written");
      commits.flush(true);
      await expect(write).rejects.toMatchObject({
        name: "StoreUnavailable",
        message: expect.stringContaining("another program holds the write lock"),
        hint: expect.not.stringContaining("free disk space"),
      });
    });
  });
});
