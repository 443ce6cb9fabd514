import { randomUUID } from "node:crypto";
import { test } from "vitest";
import type { Transition } from "../../src/core/machine.ts";
import { type Dependency, withFallbacks } from "../../src/core/submitted.ts";
import type { Question, Step, Task, TaskEvent } from "../../src/core/task.ts";
import type { Change, Seed, Store } from "../../src/store/store.ts";

/** A store under test, with functions to disturb it. */
export interface Backend {
  store: Store;
  /** Closes the store and opens it over the same data, as the next daemon does. */
  reopen(): Promise<Store>;
  damage(id: number, seq: number, how: "flipped" | "truncated" | "emptied" | "missing"): void | Promise<void>;
  /** Makes the disk full. Returns a function that makes room again. */
  fillDisk(): (() => void) | Promise<() => Promise<void>>;
  dispose(): void | Promise<void>;
  /** The factor for large counts in tests of a backend whose writes are slow. Default: 1. */
  share?: number;
}

export type Open = () => Promise<Backend>;

/** How many checkpoints a store under test keeps for a task. */
export const KEPT = 3;

export interface Attempted {
  id: number;
  n: number;
  token: string;
  task: Task;
}

/** Returns a dependency on another task, by default on its completion. */
export function onTask(id: number, when: Dependency["when"] = "completed"): Dependency[] {
  return [{ id, when }];
}

/** The actions of a test. Each is one write at a different time. */
export class World {
  readonly backend: Backend;
  /** The wall clock of the test. */
  now = 1_000_000;
  #tokens = 0;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Returns `count`, reduced for a slow backend. */
  many(count: number): number {
    return Math.ceil(count * (this.backend.share ?? 1));
  }

  get store(): Store {
    return this.backend.store;
  }

  seed(given: Partial<Seed> = {}): Seed {
    return {
      ...withFallbacks({ cwd: "/" }),
      uuid: randomUUID(),
      kind: "program",
      argv: ["true"],
      module: null,
      sessionKey: null,
      input: null,
      envHash: "none",
      at: this.now++,
      actor: "ada",
      ...given,
    };
  }

  async submit(given: Partial<Seed> = {}): Promise<Task> {
    const [created] = await this.store.create([this.seed(given)]);
    return (created as { task: Task }).task;
  }

  move(id: number, transition: Change["transition"], given: Partial<Change> = {}): Promise<Task> {
    return this.store.apply({ id, transition, at: this.now++, cause: transition, actor: "ada", ...given });
  }

  /** Begins an attempt of a queued task. */
  async start(id: number, given: Partial<Change> = {}): Promise<Attempted> {
    const token = `token-${id}-${++this.#tokens}`;
    const task = await this.move(id, "start", {
      begin: { token, runKey: `${id}.${this.#tokens}`, bootId: "boot" },
      ...given,
    });
    return { id, n: task.attempt, token, task };
  }

  async working(given: Partial<Seed> = {}): Promise<Attempted> {
    return await this.start((await this.submit(given)).id);
  }

  /** Ends the live attempt with the given transition. */
  end(id: number, transition: Change["transition"], given: Partial<Change> = {}): Promise<Task> {
    const at = this.now;
    const outcome = transition === "complete" ? "completed" : "failed";
    return this.move(id, transition, { end: { outcome, exitCode: 0, signal: null, endedAt: at }, ...given });
  }

  /** Makes a task that has ended. */
  async ended(given: Partial<Seed> = {}, transition: "complete" | "fail" = "complete"): Promise<Task> {
    return await this.end((await this.working(given)).id, transition);
  }

  /** Makes a task that is paused without a process, with the checkpoints `saves`. */
  async suspended(given: Partial<Seed> = {}, saves: string[] = []): Promise<Attempted> {
    const attempt = await this.working(given);
    for (const text of saves) await this.save(attempt.token, text);
    return { ...attempt, task: await this.end(attempt.id, "suspend") };
  }

  /** Resumes and starts a task. Returns the next attempt. */
  async again(id: number, given: Partial<Change> = {}): Promise<Attempted> {
    await this.move(id, "resume", given);
    return await this.start(id);
  }

  save(token: string, text: string | Buffer, given: { nonce?: string; base?: number | "own" } = {}) {
    const { nonce = null, base = "own" } = given;
    return this.store.saveCheckpoint(token, {
      data: Buffer.from(text),
      label: null,
      base,
      nonce,
      at: this.now++,
    });
  }

  step(token: string, name: string, given: Partial<Step> = {}) {
    return this.store.acknowledge(token, this.ofStep(name, given));
  }

  ofStep(name: string, given: Partial<Step> = {}) {
    const { kind = "step", n = 0, base = 0, call = 0, alone = true, result = JSON.stringify(name) } = given;
    const times = { startedAt: this.now, endedAt: this.now++, size: result.length };
    return { kind, name, n, base, call, alone, ...times, result } as const;
  }

  question(prompt: string, given: Partial<Question> = {}): Question {
    const key = { kind: "ask" as const, name: prompt, n: 0, base: 0 };
    const rest = { choices: null, deadline: null, fallback: null, call: 0, alone: true };
    return { prompt, at: this.now++, key, ...rest, ...given };
  }

  send(id: number, text: string): Promise<number> {
    return this.store.inbox.add(id, { text, at: this.now++, actor: "ada" });
  }

  async get(id: number): Promise<Task> {
    return (await this.store.get(id)) as Task;
  }

  events(task?: number): Promise<TaskEvent[]> {
    return this.store.events({ after: 0, limit: 100_000, ...(task === undefined ? {} : { task }) });
  }

  /** Returns the moves of a task as `from>to`. */
  async moves(task: number): Promise<string[]> {
    return (await this.events(task)).map(({ from, to }) => `${from ?? ""}>${to ?? ""}`);
  }
}

/** Returns `test` with a new store for each test that asks for a `world`. */
export function storeTest(open: Open) {
  return test.extend<{ world: World }>({
    // biome-ignore lint/correctness/noEmptyPattern: the runner wants a pattern
    world: async ({}, use) => {
      const backend = await open();
      try {
        await use(new World(backend));
      } finally {
        await backend.dispose();
      }
    },
  });
}

export type StoreTest = ReturnType<typeof storeTest>;

/** Returns how many promises resolved, and the error names of the others. */
export async function outcomes(promises: Promise<unknown>[]): Promise<{ held: number; refused: string[] }> {
  const settled = await Promise.allSettled(promises);
  const refused = settled.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).name] : []));
  return { held: settled.length - refused.length, refused };
}

/** The moves that `apply` accepts. */
export type Move = Exclude<Transition, "run">;
