import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Database, openFile } from "../../src/store/sqlite/file/driver.ts";
import { openDatabase, SCHEMA_VERSION, SqliteStore } from "../../src/store/sqlite/index.ts";
import { storeSuite } from "./suite.ts";
import { type Backend, KEPT, storeTest } from "./world.ts";

/** Simulates a full disk: SQLite cannot add a page. Returns a function that ends this. */
function limitPages(db: Database): () => void {
  const pages = db.pragma("page_count", { simple: true }) as number;
  db.pragma(`max_page_count = ${pages}`);
  return () => db.pragma("max_page_count = 4294967294");
}

const damages = {
  flipped: "update checkpoints set data = zeroblob(length(data)) where task_id = ? and seq = ?",
  truncated: "update checkpoints set data = substr(data, 1, length(data) - 1) where task_id = ? and seq = ?",
  emptied: "update checkpoints set data = x'' where task_id = ? and seq = ?",
  missing: "delete from checkpoints where task_id = ? and seq = ?",
};

interface SqliteBackend extends Backend {
  db: Database;
  file: string;
}

/** Opens a store on a new file. It calls `fault` at the named points of every write. */
async function open(fault: (point: string) => void = () => {}): Promise<SqliteBackend> {
  const folder = mkdtempSync(join(tmpdir(), "agentctl-store-"));
  const file = join(folder, "agentctl.db");
  const opened = () => {
    const db = openDatabase(file, () => {});
    return { db, store: new SqliteStore(db, { fault, keepCheckpoints: () => KEPT }) };
  };
  const backend: SqliteBackend = {
    ...opened(),
    file,
    async reopen() {
      await backend.store.close();
      Object.assign(backend, opened());
      return backend.store;
    },
    damage: (id, seq, how) => {
      backend.db.prepare(damages[how]).run(id, seq);
    },
    fillDisk: () => limitPages(backend.db),
    dispose: async () => {
      await backend.store.close();
      rmSync(folder, { recursive: true });
    },
  };
  await backend.store.setQueue("default", { slots: 2 });
  return backend;
}

storeSuite("sqlite", () => open());
const it = storeTest(() => open());

describe("what is acknowledged is on disk", () => {
  it("every commit is synced", ({ world }) => {
    const { db } = world.backend as SqliteBackend;
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
  });

  it("another connection sees a write as soon as it is acknowledged", async ({ world }) => {
    const { file } = world.backend as SqliteBackend;
    const other = openFile(file, { readonly: true });
    try {
      const { id } = await world.submit();
      expect(other.prepare("select state from tasks where id = ?").get(id)).toEqual({ state: "submitted" });
    } finally {
      other.close();
    }
  });

  it("other programs may read during a write", async ({ world }) => {
    const other = openFile((world.backend as SqliteBackend).file, { readonly: true });
    const rows = other.prepare("select id from tasks").iterate();
    rows.next();
    expect((await world.submit()).state).toBe("submitted");
    rows.return?.();
    other.close();
  });
});

describe("a write is acknowledged after its commit", () => {
  const failing = (at: string) =>
    storeTest(() =>
      open((point) => {
        if (point === at) throw new Error(`the process dies at ${point}`);
      }),
    );

  failing("start:before-commit")("a failure before the commit acknowledges nothing", async ({ world }) => {
    const { id } = await world.submit();
    await expect(world.start(id)).rejects.toThrow("dies at start:before-commit");
    expect((await world.get(id)).state).toBe("submitted");
    expect(await world.moves(id)).toEqual([">submitted"]);
  });

  test("the fault points of a write are before and after its commit", async () => {
    const seen: [point: string, committed: unknown][] = [];
    let other: Database | undefined;
    const count = () => other?.prepare("select count(*) as n from tasks").get() as { n: number } | undefined;
    const backend = await open((point) => {
      if (other) seen.push([point, count()?.n]);
    });
    other = openFile(backend.file, { readonly: true });
    const { World } = await import("./world.ts");
    await new World(backend).submit();
    expect(seen).toEqual([
      ["create:before-commit", 0],
      ["create:after-commit", 1],
    ]);
    other.close();
    await backend.dispose();
  });
});

it("only the owner can access the file, and it has the version of its schema", ({ world }) => {
  const { db, file } = world.backend as SqliteBackend;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(db.pragma("user_version", { simple: true })).toBe(SCHEMA_VERSION);
});

it("a closed store leaves one file, with everything in it", async ({ world }) => {
  const { id } = await world.submit({ name: "kept" });
  const { file, store } = world.backend as SqliteBackend;
  await store.close();
  expect([existsSync(`${file}-wal`), existsSync(`${file}-shm`)]).toEqual([false, false]);
  expect(readFileSync(file).includes("kept")).toBe(true);
  await world.backend.reopen();
  expect((await world.get(id)).name).toBe("kept");
});

describe("reads use an index, however long the history is", () => {
  const queries = {
    "the queued tasks of a queue": `select id from tasks where queue = 'default' and held = 0 and blocked_by is null
      and not_before is null and (state in ('submitted', 'resumed') or resumes_with is not null) and slots <= 1
      order by priority desc, id limit 1`,
    "the slots that are taken": "select queue, sum(slots) from tasks where state = 'working' group by queue",
    "running tasks": "select count(*) from tasks where queue = 'default' and state = 'working'",
    "a name": "select * from tasks where name = 'x' and ended_at is null order by id",
    "what is due": "select * from tasks where wake_at <= 5 order by wake_at, id limit 1000",
    "open tasks": "select * from tasks where ended_at is null",
    "the last that ended":
      "select * from tasks where ended_at is not null order by ended_at desc, id desc limit 20",
    dependents: "select task_id from dependencies where on_id = 1",
    "events of a task": "select * from events where task_id = 1 and seq > 0 order by seq",
    "events after a number": "select * from events where seq > 5 order by seq",
  };

  it.for(Object.entries(queries))("%s", ([, sql], { world }) => {
    const { db } = world.backend as SqliteBackend;
    const plan = db.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
    expect(plan.map(({ detail }) => detail).filter((detail) => /^SCAN (?!.*INDEX)/.test(detail))).toEqual([]);
  });
});
