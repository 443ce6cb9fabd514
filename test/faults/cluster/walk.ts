/**
 * A random walk on a cluster. Clients of all machines send random requests, while machines are killed, lose their
 * daemons, are stopped, and lose their path to the database. The seed determines the requests and the kills.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openStates } from "../../../src/core/machine.ts";
import { RpcError } from "../../harness/wire.ts";
import type { Chance } from "../chance.ts";
import { type Does, moduleTask, shellTask } from "../fixtures.ts";
import { World } from "../world.ts";
import { killAll, type Machine, type Machines } from "./machines.ts";
import type { Limits } from "./rules.ts";

const CLIENTS = 4;
const MOST_OPEN = 14;
const SETTLE_MS = 240_000;

export const LIMITS: Limits = { queues: { default: 6, narrow: 1 }, machine: 3 };

const KINDS = { steps: 6, saves: 2, continues: 3, plain: 2 };
const VERBS = { create: 14, pause: 10, resume: 12, cancel: 2, hold: 2, release: 3, list: 2 };
/** What happens to machines, with the weight of each. */
type Harms = Readonly<Record<"machine" | "daemon" | "stop" | "restart" | "hold" | "cut", number>>;
export const ALL_KINDS: Harms = { machine: 5, daemon: 5, stop: 2, restart: 1, hold: 2, cut: 2 };
export const MACHINES_ONLY: Harms = { machine: 1, daemon: 0, stop: 0, restart: 0, hold: 0, cut: 0 };
/** How long a machine is away at most, in ms: twice the lease of 3 s. */
const AWAY_MS = 6000;

// biome-ignore lint/suspicious/noExplicitAny: a task as the wire carries it
type Task = any;

interface Place {
  machine: Machine;
  world: World;
  isAway: boolean;
}

export class ClusterWalk {
  readonly done: Record<string, number> = {};
  readonly ids = new Set<number>();
  readonly #machines: Machines;
  readonly #chance: Chance;
  readonly #places: Place[];
  /** Tasks whose end a cancel of this walk may have decided. */
  readonly #canceled = new Set<number>();
  readonly #exits = new Map<number, number>();

  readonly #harms: Harms;

  constructor(machines: Machines, chance: Chance, harms: Harms) {
    this.#machines = machines;
    this.#chance = chance;
    this.#harms = harms;
    this.#places = machines.all.map((machine) => ({
      machine,
      world: new World(machine.home),
      isAway: false,
    }));
  }

  async walk(seconds: number): Promise<void> {
    await Promise.all(this.#places.map(({ world }) => world.up()));
    for (const [name, slots] of Object.entries(LIMITS.queues))
      await this.#any.ask("queues/set", { name, slots });
    const end = performance.now() + seconds * 1000;
    const clients = Array.from({ length: CLIENTS }, () =>
      this.#loop(end, this.#chance.fork(), 150, (chance) => this.#ask(chance)),
    );
    const kills = this.#places.map((place) =>
      this.#loop(end, this.#chance.fork(), 2500, (chance) => this.#kill(place, chance)),
    );
    await Promise.all([...clients, ...kills]);
    await this.#settle();
  }

  close(): void {
    for (const { world } of this.#places) world.close();
  }

  get #any(): World {
    return (this.#places[0] as Place).world;
  }

  async #loop(end: number, chance: Chance, pauseMs: number, act: (chance: Chance) => Promise<void>) {
    while (performance.now() < end) {
      await act(chance);
      await sleep(chance.within(0, pauseMs));
    }
  }

  async #ask(chance: Chance): Promise<void> {
    const place = chance.oneOf(this.#places.filter(({ isAway }) => !isAway));
    if (!place) return;
    const verb = chance.weighted(VERBS);
    try {
      await this.#verb(place.world, verb, chance);
      this.#count(verb);
    } catch (error) {
      // A refusal is a valid response; an internal error is not.
      if (!(error instanceof RpcError) || error.code === -32603) throw error;
    }
  }

  async #verb(world: World, verb: keyof typeof VERBS, chance: Chance): Promise<void> {
    if (verb === "create") return await this.#create(world, chance);
    const answer = await world.call("tasks/list", { state: openStates, limit: 200 });
    const task: Task = chance.oneOf(answer?.tasks ?? []);
    if (!task || verb === "list") return;
    const { id } = task;
    const pausing = { graceMs: chance.within(0, 300), wait: chance.next() < 0.3 };
    if (verb === "pause") {
      const mode = chance.oneOf(["auto", "freeze", "checkpoint"] as const);
      await world.call("tasks/pause", { id, mode, ...pausing });
    }
    if (verb === "resume") {
      const name = chance.oneOf(this.#places)?.machine.name;
      await world.call("tasks/resume", { id, ...(chance.next() < 0.3 && { on: [name] }) });
    }
    if (verb === "cancel") {
      this.#canceled.add(id);
      await world.call("tasks/cancel", { id, wait: pausing.wait });
    }
    if (verb === "hold" || verb === "release") await world.call(`tasks/${verb}`, { id });
  }

  async #create(world: World, chance: Chance): Promise<void> {
    const open = await world.call("tasks/list", { state: openStates, limit: 200 });
    if (!open || open.tasks.length >= MOST_OPEN) return;
    const queue = chance.next() < 0.2 ? "narrow" : "default";
    const exits = chance.within(20, 60);
    const kind = chance.weighted(KINDS);
    const home = (this.#machines.all[0] as Machine).home;
    const task = {
      ...this.#taskOf(kind, chance, exits),
      queue,
      cwd: home.work,
      priority: chance.within(0, 3),
    };
    const id = await world.submit(task);
    this.ids.add(id);
    if (kind !== "steps") this.#exits.set(id, exits);
  }

  #taskOf(kind: keyof typeof KINDS, chance: Chance, exits: number): object {
    const home = (this.#machines.all[0] as Machine).home;
    const ticks = `i=0; while [ $i -lt ${chance.within(5, 60)} ]; do i=$((i + 1)); note tick $i; sleep 0.05; done`;
    if (kind === "plain") return { ...shellTask(home, `${ticks}; exit ${exits}`), onLost: "resume" };
    if (kind === "continues")
      return { ...shellTask(home, `${ticks}; exit ${exits}`), pauseMode: "checkpoint" };
    if (kind === "saves") {
      const script = `n=$(cat "$AGENTCTL_CHECKPOINT" 2>/dev/null || echo 0)
        while [ $n -lt 4 ]; do n=$((n + 1)); echo $n | agentctl checkpoint save && note saved $n; sleep 0.1; done; exit ${exits}`;
      return shellTask(home, script);
    }
    const does: Does = Array.from({ length: chance.within(4, 25) }, () => ["step", chance.within(0, 150)]);
    return moduleTask(home, [...does, ["save", 1], ["step", 50]]);
  }

  #count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  async #kill(place: Place, chance: Chance): Promise<void> {
    const { world, machine } = place;
    const what = chance.weighted(this.#harms);
    const awayMs = chance.within(0, AWAY_MS);
    this.#count(`kill ${what}`);
    if (what === "hold" || what === "cut") {
      machine.way[what]();
      await sleep(awayMs);
      return machine.way.heal();
    }
    await world.up();
    place.isAway = true;
    try {
      if (what === "stop" || what === "restart") {
        await world.stop(what === "restart" ? { keep: true } : { graceMs: chance.within(0, 400) });
      }
      await world.outage(async () => {
        if (what === "daemon" || what === "machine") await world.kill();
        if (what === "machine") await killAll(machine);
        await sleep(what === "restart" ? 0 : awayMs);
      });
      await world.up();
    } finally {
      place.isAway = false;
    }
  }

  /** Releases and resumes tasks until none is open. */
  async #settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      await Promise.all(this.#places.map(({ world }) => world.up()));
      const world = this.#any;
      const { tasks } = await world.ask("tasks/list", { state: openStates, limit: 1000 });
      if (tasks.length === 0) return;
      if (performance.now() > deadline) throw new Error(`still open: ${JSON.stringify(tasks)}`);
      for (const { id, state, held } of tasks as Task[]) {
        if (held) await world.try("tasks/release", { id });
        if (state !== "suspended") continue;
        (await world.try("tasks/resume", { id })) ||
          (await world.try("tasks/resume", { id, fromStart: true }));
      }
      await sleep(200);
    }
  }

  /** Returns a message for each task that did not end as its own program decided, unless the walk canceled it. */
  async ends(): Promise<string[]> {
    const rows = await this.#machines.rows("select id, state, exit_code from tasks where id = any ($1)", [
      [...this.ids],
    ]);
    return rows.flatMap(({ id, state, exit_code }) => {
      if (this.#canceled.has(id)) return [];
      const exits = this.#exits.get(id);
      const isRight = exits === undefined ? state === "completed" : exit_code === exits;
      return isRight
        ? []
        : [`task ${id} ended as ${state} with ${exit_code}, not with ${exits ?? "its result"}`];
    });
  }
}
