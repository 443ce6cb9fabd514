/** An engine with a clock that tests move. Its store and its processes are real. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as plain } from "vitest";
import {
  cancel,
  defaultSettings,
  Engine,
  Environments,
  pause,
  type Submission,
  submit,
} from "../../../src/engine/index.ts";
import { ClockWatch } from "../../../src/engine/schedule/clock-watch.ts";
import { tick } from "../../../src/engine/schedule/schedule.ts";
import { createRunner } from "../../../src/runner/index.ts";
import { openDatabase, SqliteStore } from "../../../src/store/sqlite/index.ts";

/** A wall clock and a monotonic clock, both moved by the test. */
class Hands {
  wall = Date.parse("2026-05-01T12:00:00Z");
  steady = 1000;
  now = () => this.wall;
  mono = () => this.steady;

  /** Moves both clocks. */
  pass(ms: number): void {
    this.wall += ms;
    this.steady += ms;
  }

  /** Moves only the wall clock, as when somebody sets it or the machine sleeps. */
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

  /** Starts all tasks that can start, and waits until their processes are known. */
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

export const test = plain.extend<{ bench: Bench }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of what a fixture needs
  bench: async ({}, use) => {
    const bench = new Bench();
    await use(bench);
    await bench.close();
  },
});
