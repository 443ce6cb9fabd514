/** Time in the engine, with a clock in hand: real store, real processes, no waiting. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test as plain } from "vitest";
import {
  cancel,
  defaultSettings,
  Engine,
  Environments,
  pause,
  resume,
  type Submission,
  submit,
} from "../../../src/engine/index.ts";
import { afterJump, ClockWatch } from "../../../src/engine/schedule/clock-watch.ts";
import { tick } from "../../../src/engine/schedule/schedule.ts";
import { createRunner } from "../../../src/runner/index.ts";
import { openDatabase, SqliteStore } from "../../../src/store/sqlite/index.ts";
import { until } from "../../harness/until.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A wall clock and a clock that never jumps, both moved by hand. */
class Hands {
  wall = Date.parse("2026-05-01T12:00:00Z");
  steady = 1000;
  now = () => this.wall;
  mono = () => this.steady;

  /** Time passes. */
  pass(ms: number): void {
    this.wall += ms;
    this.steady += ms;
  }

  /** The clock is set, or the machine sleeps. */
  jump(ms: number): void {
    this.wall += ms;
  }
}

class Bench {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), "agentctl-time-")));
  readonly clock = new Hands();
  readonly engine: Engine;
  readonly watch = new ClockWatch(this.clock);

  constructor() {
    const place = (name: string) => {
      mkdirSync(join(this.dir, name), { mode: 0o700 });
      return join(this.dir, name);
    };
    const run = place("run");
    const db = openDatabase(join(this.dir, "agentctl.db"), () => {});
    this.engine = new Engine({
      store: new SqliteStore(db, { fault: () => {}, keepCheckpoints: () => 3 }),
      settings: { ...defaultSettings, hosts: 0 },
      clock: this.clock,
      runner: createRunner({ runDir: run, clock: this.clock }),
      environments: new Environments(place("env"), () => {}),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      fault: () => {},
      bootId: "boot",
      cluster: null,
      memory: () => ({ available: 1, total: 1 }),
      baseEnv: { PATH: process.env.PATH ?? "", HOME: this.dir },
      places: {
        home: this.dir,
        socket: "",
        logs: place("logs"),
        tasks: place("tasks"),
        run,
        bundles: place("bundles"),
        worktrees: place("worktrees"),
        node: "",
        agents: "",
        host: "",
        path: "",
      },
    });
  }

  async submit(what: Partial<Submission>): Promise<number> {
    await this.engine.store.setQueue("default", { slots: 4 });
    const [made] = await submit(this.engine, [{ argv: ["sleep", "60"], cwd: this.dir, ...what }], "user");
    return (made as { task: { id: number } }).task.id;
  }

  task(id: number) {
    return this.engine.require(id);
  }

  /** Starts what can be started, and waits until its processes are known. */
  async start(): Promise<number> {
    const started = await tick(this.engine);
    await Promise.all(
      [...this.engine.active.values()].map(({ running }) => running?.started.catch(() => {})),
    );
    return started;
  }

  async freeze(id: number, till: number | null = null) {
    return (await pause(this.engine, id, { mode: "freeze", actor: "user", cause: "user", until: till })).task;
  }

  async close(): Promise<void> {
    const open = await this.engine.store.list({
      states: ["working", "suspended", "resumed", "submitted"],
      limit: 100,
    });
    for (const { id } of open) await cancel(this.engine, id, { actor: "user", graceMs: 0 });
    await this.engine.store.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const test = plain.extend<{ bench: Bench }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of what a fixture needs
  bench: async ({}, use) => {
    const bench = new Bench();
    await use(bench);
    await bench.close();
  },
});

test("a task that may start later starts when its time has come, also when the clock leaps there", async ({
  bench,
}) => {
  const id = await bench.submit({ notBefore: bench.clock.now() + 10 * MINUTE });
  bench.clock.pass(9 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.jump(MINUTE);
  expect(await bench.start()).toBe(1);
  expect((await bench.task(id)).state).toBe("working");
});

test("a time that a person named means the clock on the wall, also when that is set back", async ({
  bench,
}) => {
  await bench.submit({ notBefore: bench.clock.now() + 10 * MINUTE });
  bench.clock.jump(-HOUR);
  await afterJump(bench.engine, bench.watch.jump());
  bench.clock.pass(10 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.pass(HOUR);
  expect(await bench.start()).toBe(1);
});

test("a back-off lasts as long as it was, when the clock is set back by a day", async ({ bench }) => {
  const id = await bench.submit({ argv: ["false"], retries: 3, backoffMs: HOUR });
  await bench.start();
  await until(async () => (await bench.task(id)).failures === 1);
  bench.clock.jump(-DAY);
  await afterJump(bench.engine, bench.watch.jump());
  // A back-off is given or taken a tenth.
  bench.clock.pass(50 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.pass(11 * MINUTE);
  expect(await bench.start()).toBe(1);
});

test("a pause until a time ends by itself, also when the machine slept through it", async ({ bench }) => {
  const id = await bench.submit({});
  await bench.start();
  await bench.freeze(id, bench.clock.now() + HOUR);
  expect(await bench.start()).toBe(0);
  bench.clock.jump(8 * HOUR);
  await bench.start();
  expect(await bench.task(id)).toMatchObject({ state: "working", attempt: 1 });
});

test("the sleep of the machine counts as paused, not as running", async ({ bench }) => {
  const id = await bench.submit({});
  await bench.start();
  bench.clock.pass(5 * MINUTE);
  bench.clock.jump(8 * HOUR);
  bench.clock.pass(MINUTE);
  expect(await bench.freeze(id)).toMatchObject({ runMs: 6 * MINUTE, pausedMs: 8 * HOUR });
});

test("a clock that is set back makes no time negative, and running time goes on", async ({ bench }) => {
  const id = await bench.submit({});
  await bench.start();
  bench.clock.pass(5 * MINUTE);
  bench.clock.jump(-DAY);
  bench.clock.pass(5 * MINUTE);
  expect(await bench.freeze(id)).toMatchObject({ runMs: 10 * MINUTE, pausedMs: 0 });
  bench.clock.jump(-DAY);
  await resume(bench.engine, id, { actor: "user" });
  expect((await bench.task(id)).pausedMs).toBeGreaterThanOrEqual(0);
});

test("a time limit counts neither the sleep of the machine nor a pause", async ({ bench }) => {
  const id = await bench.submit({ timeoutMs: 1000 });
  await bench.start();
  bench.clock.jump(DAY);
  bench.clock.pass(850);
  expect(await bench.freeze(id)).toMatchObject({ state: "suspended", runMs: 850 });
  bench.clock.pass(DAY);
  await resume(bench.engine, id, { actor: "user" });
  await bench.start();
  expect(await bench.task(id)).toMatchObject({ state: "working", runMs: 850 });
  // What is left of it, 150 ms, passes for the timer too.
  await until(async () => (await bench.task(id)).state === "failed");
  expect((await bench.task(id)).error).toMatchObject({ name: "TimedOut" });
});

test("slewing is no jump; being set, and sleeping, is", async ({ bench: { clock, watch } }) => {
  clock.pass(HOUR);
  clock.jump(200);
  expect(watch.jump()).toBe(0);
  clock.jump(HOUR);
  expect(watch.jump()).toBe(HOUR + 200);
  clock.pass(HOUR);
  expect(watch.jump()).toBe(0);
  clock.jump(-DAY);
  expect(watch.jump()).toBe(-DAY);
});
