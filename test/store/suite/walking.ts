import { expect } from "vitest";
import { isTerminal, next, type State, type Transition, transitions } from "../../../src/core/machine.ts";
import type { Task } from "../../../src/core/task.ts";
import { Random } from "../random.ts";
import type { Move, StoreTest, World } from "../world.ts";

/** Everything that the model knows about a task. */
interface Known {
  state: State;
  attempt: number;
  tokens: string[];
  frozen: boolean;
  steps: string[];
  checkpoints: number;
  /** The whole task when it ended. */
  end: Task | null;
}

const moves = Object.keys(transitions).filter((name): name is Move => (name as Transition) !== "run");

/** Makes the same random writes to a store and to a model of it, one turn after the other. */
class Walk {
  readonly #world: World;
  readonly #random: Random;
  readonly #known = new Map<number, Known>();
  #deleted = 0;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Makes one to four writes that share a transaction. */
  async turn(): Promise<void> {
    const writes = Array.from({ length: this.#random.upTo(4) + 1 }, () => this.#write());
    await Promise.all(writes);
    if (this.#random.upTo(40) === 0) await this.#world.backend.reopen();
  }

  #write(): Promise<void> {
    const ids = [...this.#known.keys()];
    const doing = this.#random.upTo(12);
    if (ids.length === 0 || doing === 0) return this.#submit();
    const id = this.#random.of(ids);
    const known = this.#known.get(id) as Known;
    if (doing === 1) return this.#step(id, known);
    if (doing === 2) return this.#save(id, known);
    if (doing === 3 && this.#random.upTo(3) === 0) return this.#delete(id, known);
    return this.#move(id, known, this.#random.of(moves));
  }

  /** Checks that the store's result is the one that the model expects. */
  async #agree(what: string, expected: string, asked: Promise<unknown>): Promise<void> {
    const answer = await asked.then(
      () => "done",
      (error: Error) => error.name,
    );
    expect(answer, what).toBe(expected);
  }

  #submit(): Promise<void> {
    const fresh = { attempt: 0, tokens: [], frozen: false, steps: [], checkpoints: 0, end: null };
    return this.#world.submit().then(({ id }) => {
      this.#known.set(id, { state: "submitted", ...fresh });
    });
  }

  #move(id: number, known: Known, transition: Move): Promise<void> {
    const isStale = this.#random.upTo(8) === 0 && known.attempt > 0;
    const attempt = isStale ? known.attempt - 1 : known.attempt;
    const to = next(known.state, transition);
    const begins = transition === "start" && !known.frozen;
    const token = `walk-${id}-${known.attempt + 1}-${this.#random.upTo(1e9)}`;
    const freezes = transition === "suspend" && this.#random.upTo(3) === 0;
    const end = { outcome: "completed" as const, exitCode: 0, signal: null, endedAt: this.#world.now };
    const hasProcess = known.state === "working" || known.frozen;
    const ends = hasProcess && !freezes && transition !== "start" && transition !== "resume";
    const staysFrozen = known.frozen && (transition === "resume" || transition === "unresume");
    const frozen = freezes || staysFrozen;
    const asked = this.#world.move(id, transition, {
      attempt,
      set: { frozen },
      ...(begins ? { begin: { token, runKey: token, bootId: "boot" } } : {}),
      ...(ends && !staysFrozen ? { end } : {}),
    });
    const what = `${transition} of ${id}, which is ${known.state}, at attempt ${attempt} of ${known.attempt}`;
    if (isStale) return this.#agree(what, "StaleAttempt", asked);
    if (to === undefined) return this.#agree(what, "IllegalMove", asked);
    known.state = to;
    known.frozen = frozen;
    if (begins) {
      known.attempt++;
      known.tokens.push(token);
    }
    return this.#agree(what, "done", asked).then(async () => {
      if (isTerminal(to)) known.end = await this.#world.get(id);
    });
  }

  #isLive({ state, frozen, tokens }: Known, token: string): boolean {
    return (state === "working" || frozen) && tokens.at(-1) === token;
  }

  #step(id: number, known: Known): Promise<void> {
    const token = known.tokens.length > 0 ? this.#random.of(known.tokens) : "nobody";
    const name = `s${this.#random.upTo(6)}`;
    const isLive = this.#isLive(known, token);
    if (isLive && !known.steps.includes(name)) known.steps.push(name);
    return this.#agree(`a step of ${id}`, isLive ? "done" : "StaleAttempt", this.#world.step(token, name));
  }

  #save(id: number, known: Known): Promise<void> {
    const token = known.tokens.length > 0 ? this.#random.of(known.tokens) : "nobody";
    const isLive = this.#isLive(known, token);
    if (isLive) known.checkpoints++;
    const saved = this.#world.save(token, `checkpoint ${known.checkpoints}`);
    return this.#agree(`a save of ${id}`, isLive ? "done" : "StaleAttempt", saved);
  }

  #delete(id: number, known: Known): Promise<void> {
    const asked = this.#world.store.delete(id, { at: this.#world.now++, actor: "ada" });
    if (!isTerminal(known.state)) return this.#agree(`deleting ${id}`, "UnsupportedOperation", asked);
    this.#known.delete(id);
    this.#deleted++;
    return this.#agree(`deleting ${id}`, "done", asked);
  }

  /** Checks that the store agrees with the model, and the history with the table of transitions. */
  async check(): Promise<void> {
    const { store } = this.#world;
    const tasks = await store.list({ limit: 100_000 });
    expect(tasks.map(({ id, state, attempt, frozen }) => [id, state, attempt, frozen])).toEqual(
      [...this.#known].map(([id, { state, attempt, frozen }]) => [id, state, attempt, frozen]),
    );
    for (const [id, known] of this.#known) await this.#checkTask(id, known);
    await this.#checkHistory();
  }

  async #checkTask(id: number, known: Known): Promise<void> {
    const { store } = this.#world;
    if (known.end) expect(await store.get(id), `task ${id} has ended`).toEqual(known.end);
    const steps = await store.journal(id);
    expect(steps.map(({ name }) => name)).toEqual(known.steps);
    expect(steps.map(({ position }) => position)).toEqual(steps.map((_, i) => i + 1));
    const kept = (await store.checkpoints(id)).map(({ seq }) => seq);
    const newest = Array.from({ length: known.checkpoints }, (_, i) => i + 1).slice(-3);
    expect(kept).toEqual(newest);
    for (const seq of kept) expect(`${await store.checkpointData(id, seq)}`).toBe(`checkpoint ${seq}`);
    const attempts = await store.attempts(id);
    expect(attempts.map(({ token }) => token)).toEqual(known.tokens);
    const live = known.state === "working" || known.frozen ? 1 : 0;
    expect(
      attempts.filter(({ endedAt }) => endedAt === null),
      `live attempts of ${id}`,
    ).toHaveLength(live);
  }

  async #checkHistory(): Promise<void> {
    const events = await this.#world.events();
    const seqs = events.map(({ seq }) => seq);
    expect(new Set(seqs).size).toBe(seqs.length);
    if (this.#deleted === 0) expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    const reached = new Map<number, State | null>();
    for (const { task, from, to, cause } of events) {
      if (!this.#known.has(task)) continue;
      expect(from, `the history of ${task}`).toBe(reached.get(task) ?? null);
      if (from) expect(next(from, cause as Transition), `${cause} from ${from}`).toBe(to);
      reached.set(task, to);
    }
    for (const [id, { state }] of this.#known) expect(reached.get(id)).toBe(state);
  }
}

/** Random walks with a tiny model: the store gives the same results, its history is legal, and final states stay. */
export function walking(it: StoreTest): void {
  const first = Number(process.env.AGENTCTL_SEED ?? Math.floor(Math.random() * 1e9));

  it.for([0, 1, 2, 3])("a random walk of 500 turns agrees with the model: %i", async (nth, { world }) => {
    const seed = first + nth;
    const walk = new Walk(world, new Random(seed));
    try {
      for (let turn = 0; turn < world.many(500); turn++) await walk.turn();
      await walk.check();
    } catch (error) {
      (error as Error).message += `\nthe same walk again: AGENTCTL_SEED=${seed}`;
      throw error;
    }
  });
}
