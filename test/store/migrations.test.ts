/** Stores as released versions left them, one dump for each schema. Each opens with all its data. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, describe, expect } from "vitest";
import { next, type Transition } from "../../src/core/machine.ts";
import { openFile } from "../../src/store/sqlite/file/driver.ts";
import { openDatabase, SCHEMA_VERSION, SqliteStore } from "../../src/store/sqlite/index.ts";

const fixtures = join(import.meta.dirname, "fixtures");

function opened(schema: number) {
  const folder = mkdtempSync(join(tmpdir(), "agentctl-migration-"));
  const file = join(folder, "agentctl.db");
  const old = openFile(file);
  old.exec(readFileSync(join(fixtures, `schema-${schema}.sql`), "utf8"));
  old.pragma("journal_mode = wal");
  old.close();
  const db = openDatabase(file, () => {});
  const store = new SqliteStore(db, { fault: () => {}, keepCheckpoints: () => 3 });
  return { db, store, folder };
}

const test = base.extend<{ first: ReturnType<typeof opened> }>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner wants a pattern
  first: async ({}, use) => {
    const one = opened(1);
    await use(one);
    one.store.close();
    rmSync(one.folder, { recursive: true });
  },
});

test("every schema up to the newest has its dump", () => {
  const expected = Array.from({ length: SCHEMA_VERSION }, (_, i) => `schema-${i + 1}.sql`);
  expect(readdirSync(fixtures).sort()).toEqual(expected);
});

describe("schema 1", () => {
  test("has the newest version once it is open, and is sound", ({ first: { db } }) => {
    expect(db.pragma("user_version", { simple: true })).toBe(SCHEMA_VERSION);
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(db.pragma("foreign_key_check")).toEqual([]);
  });

  test("keeps every task in its state", async ({ first: { store } }) => {
    const tasks = await store.list({ limit: 100 });
    expect(tasks.map(({ id, state, attempt }) => `${id} ${state} ${attempt}`)).toEqual([
      "1 completed 2",
      "2 suspended 1",
      "3 suspended 1",
      "4 input-required 1",
      "5 submitted 0",
      "6 submitted 0",
      "7 working 1",
      "8 failed 1",
      "9 canceled 0",
      "10 resumed 1",
    ]);
  });

  test("keeps every field of a task", async ({ first: { store } }) => {
    const at = Date.UTC(2026, 4, 1, 12);
    const task = await store.find("survey");
    expect(task).toMatchObject({
      id: 2,
      uuid: "019dd9f0-0000-7000-8000-000000000002",
      kind: "module",
      queue: "gpu",
      argv: null,
      module: { path: "/srv/survey.ts", sha256: "ab".repeat(32) },
      input: { topic: "tides", depth: [1, 2] },
      journaled: true,
      frozen: false,
      progress: { done: 2, total: 9, message: "reading" },
      pause: { mode: "checkpoint", outcome: "cooperative", cause: "user", actor: "ada", reason: "lunch" },
      checkpoint: { seq: 2, position: 4, base: 0 },
    });
    expect([task?.createdAt, (task?.pause?.until as number) > at]).toEqual([at + 6, true]);
  });

  test("keeps the arguments and options of programs", async ({ first: { store } }) => {
    const { argv, labels, retries, failures, key, exitCode, priority } = (await store.get(1)) ?? {};
    expect({ argv, labels, retries, failures, key, exitCode, priority }).toEqual({
      argv: ["sh", "-c", 'echo "it\'s"; exit 0'],
      labels: { team: "größe", "a.b": "'" },
      retries: 2,
      failures: 1,
      key: "deploy-7",
      exitCode: 0,
      priority: 5,
    });
    expect(await store.get(3)).toMatchObject({
      ...{ frozen: true, pid: 4712, timeoutMs: 60_000, graceMs: 5000, pauseMode: "freeze" },
      ...{ pauseSignal: "SIGUSR1", onLost: "fail", pause: { mode: "freeze", group: "all" } },
    });
    expect(await store.get(7)).toMatchObject({
      intent: { kind: "cancel", actor: "ada", reason: "wrong", graceMs: 10_000 },
    });
  });

  test("keeps the processes, tokens and ends of attempts", async ({ first: { store } }) => {
    const attempts = await store.attempts(1);
    expect(
      attempts.map(({ n, pid, pidStart, outcome, exitCode }) => [n, pid, pidStart, outcome, exitCode]),
    ).toEqual([
      [1, 4711, 123456, "failed", 3],
      [2, null, null, "completed", 0],
    ]);
    expect(await store.attemptOf("token-7-6")).toMatchObject({ taskId: 7, saidHello: true, endedAt: null });
    expect((await store.attempts(8))[0]?.result).toMatchObject({ error: { name: "TypeError" } });
  });

  test("keeps every byte of checkpoints", async ({ first: { store } }) => {
    expect(await store.checkpointData(1, 1)).toEqual(Buffer.from([0, 1, 2, 255]));
    expect(`${await store.checkpointData(2, 1)} ${await store.checkpointData(2, 2)}`).toBe(
      '{"seen":1} {"seen":2}',
    );
  });

  test("keeps the journal, and delivers no message twice", async ({ first: { store } }) => {
    const journal = await store.journal(2);
    expect(journal.map(({ kind, name, n, result }) => `${kind} ${name} ${n} ${result}`)).toEqual([
      'step find sources 0 ["a","b"]',
      'step read 0 "A"',
      "step read 1 null",
      'messages messages 0 ["hurry"]',
    ]);
    const common = { id: 2, at: 5, cause: "x", actor: "ada" };
    await store.apply({ ...common, transition: "resume" });
    const begin = { token: "t", runKey: "2.2", bootId: "b" };
    await store.apply({ ...common, transition: "start", begin });
    expect(await store.takeMessages("t", null, 5)).toEqual(["not yet read"]);
    expect(
      (await store.saveCheckpoint("t", { data: Buffer.from("x"), label: null, base: 0, nonce: "n1", at: 5 }))
        .seq,
    ).toBe(1);
  });

  test("keeps a question open for its answer", async ({ first: { store } }) => {
    expect((await store.get(4))?.question).toMatchObject({
      prompt: "Publish?",
      choices: ["yes", "no"],
      fallback: "no",
    });
    const { task } = await store.answer(4, { text: "yes", at: 5, actor: "ada" });
    expect(task.state).toBe("submitted");
  });

  test("keeps held queues, queued tasks and due times", async ({ first: { store } }) => {
    expect((await store.queues()).map(({ name, slots, heldBy }) => [name, slots, heldBy])).toEqual([
      ["default", 4, null],
      ["gpu", 1, "user"],
    ]);
    const view = { perQueue: 64, slotsMax: null, leaving: new Set<number>(), withWorking: false };
    const { queues, used } = await store.snapshot(view);
    expect([used, queues[0]?.waiting.map(({ id }) => id)]).toEqual([1, [10]]);
    expect((await store.due(9e15)).tasks.map(({ id }) => id).sort()).toEqual([2, 4, 5]);
    expect([(await store.get(5))?.held, (await store.get(6))?.blockedBy]).toEqual([true, 5]);
  });

  test("keeps a legal history, and continues its numbers", async ({ first: { store } }) => {
    const events = await store.events({ after: 0, limit: 1000 });
    const reached = new Map<number, string | null>();
    for (const { task, from, to, cause } of events.filter(({ task }) => task !== 11)) {
      expect(from, `event of task ${task}`).toBe(reached.get(task) ?? null);
      const transition = (cause === "pause" ? "suspend" : cause) as Transition;
      if (from) expect(next(from, transition)).toBe(to);
      reached.set(task, to);
    }
    expect(events.at(-1)).toMatchObject({ seq: 31, task: 11, cause: "delete", to: null });
    await store.apply({ id: 5, transition: "cancel", at: 5, cause: "cancel", actor: "ada" });
    expect((await store.get(6))?.state).toBe("failed");
    expect(await store.lastEvent()).toBe(33);
  });

  test("does not give the id of a deleted task again", async ({ first: { store, db } }) => {
    const seq = db.prepare("select seq from sqlite_sequence where name = 'tasks'").pluck().get();
    expect([seq, await store.get(11)]).toEqual([11, undefined]);
  });

  test("keeps artifacts, and the environments that are in use", async ({ first: { store } }) => {
    expect(await store.artifacts(2)).toMatchObject([{ name: "notes.md", size: 12 }]);
    expect(await store.usedEnvironments()).toEqual(new Set(["none", "e".repeat(64)]));
  });
});
