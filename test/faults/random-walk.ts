/**
 * A random walk. Several clients send random requests for tasks of all kinds, while daemons, programs, guards and whole
 * process trees are killed. The seed determines the requests and the kills, but not their exact timing. In the end, all
 * tasks run to their end, and we check everything that must hold.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openStates, terminalStates } from "../../src/core/machine.ts";
import { signalTo } from "../harness/processes.ts";
import { RpcError } from "../harness/wire.ts";
import type { Chance } from "./chance.ts";
import { type Acts, agentActs, type Does, moduleTask, shellTask } from "./fixtures.ts";
import type { PowerDisk } from "./power.ts";
import { type Bearer, bearers, guards } from "./processes-of-tasks.ts";
import type { World } from "./world.ts";

const CLIENTS = 4;
const MOST_OPEN = 16;
/** How long all tasks may take to end after the walk, in ms. */
const SETTLE_MS = 120_000;

// biome-ignore lint/suspicious/noExplicitAny: a task as the wire carries it
type Task = any;

/** What the walk knows about a task, in addition to the world. */
interface Fate {
  kind: keyof typeof KINDS;
  /** Its own exit code; undefined for a module. */
  exits: number | undefined;
}

const KINDS = {
  steps: 5,
  hurries: 4,
  asks: 2,
  plain: 4,
  saves: 1,
  retries: 2,
  forks: 2,
  continues: 2,
  agent: 1,
};

const VERBS = {
  create: 12,
  pause: 10,
  resume: 10,
  cancel: 2,
  hold: 2,
  release: 3,
  answer: 4,
  send: 3,
  delete: 2,
  rerun: 1,
  list: 2,
  slots: 1,
  holdQueue: 1,
  releaseQueue: 2,
  pauseAll: 1,
  resumeAll: 3,
};

const KILLS = {
  daemon: 8,
  program: 2,
  guard: 1,
  tree: 1,
  everything: 1,
  restart: 1,
  stop: 1,
};

/** How long the next daemon works at most before the power fails again, in ms. */
const POWERED_MS = 1_200;

/** Whether the task has nothing to continue from: a checkpoint, or the session of an agent that was killed early. */
const hasNothing = ({ error }: Task) => ["CheckpointNotFound", "SessionNotFound"].includes(error?.name);

export class RandomWalk {
  readonly done: Record<string, number> = {};
  readonly #world: World;
  readonly #chance: Chance;
  readonly #fates = new Map<number, Fate>();
  /**
   * Tasks whose end a signal or a cancel of this walk may have decided. This can happen before the walk knows the task,
   * if its submission was repeated because the daemon died before it responded.
   */
  readonly #touched = new Set<number>();
  readonly #power: PowerDisk | undefined;
  #texts = 0;

  /** With `power`, the disk of the world's home, the power fails from time to time. */
  constructor(world: World, chance: Chance, power?: PowerDisk) {
    this.#world = world;
    this.#chance = chance;
    this.#power = power;
  }

  async walk(seconds: number): Promise<void> {
    const world = this.#world;
    await world.ask("queues/set", { name: "default", slots: 4 });
    await world.ask("queues/set", { name: "narrow", slots: 1 });
    if (this.#power) for (let n = 0; n < 4; n++) await this.#create(this.#chance);
    const end = performance.now() + seconds * 1000;
    const loops = Array.from({ length: CLIENTS }, () =>
      this.#loop(end, this.#chance.fork(), 60, (c) => this.#ask(c)),
    );
    await Promise.all([...loops, this.#loop(end, this.#chance.fork(), 600, (c) => this.#kill(c))]);
    await this.#settle();
  }

  async #loop(
    end: number,
    chance: Chance,
    pauseMs: number,
    act: (chance: Chance) => Promise<void>,
  ): Promise<void> {
    while (performance.now() < end) {
      await act(chance);
      await sleep(chance.within(0, pauseMs));
    }
  }

  #count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  async #ask(chance: Chance): Promise<void> {
    const verb = chance.weighted(VERBS);
    this.#count(verb);
    try {
      await this.#verb(verb, chance);
    } catch (error) {
      // A refusal is a valid response; an internal error is not.
      if (!(error instanceof RpcError) || error.code === -32603) throw error;
    }
  }

  async #verb(verb: keyof typeof VERBS, chance: Chance): Promise<void> {
    const world = this.#world;
    if (verb === "create") return await this.#create(chance);
    const queue = chance.oneOf(["default", "narrow"] as const) as string;
    if (verb === "slots")
      return void (await world.call("queues/set", { name: queue, slots: chance.within(1, 5) }));
    if (verb === "holdQueue") return void (await world.call("queues/hold", { name: queue }));
    if (verb === "releaseQueue") return void (await world.call("queues/release", { name: queue }));
    const pausing = { graceMs: chance.within(0, 300), wait: chance.next() < 0.5 };
    const select = chance.next() < 0.5 ? { all: true } : { queue };
    if (verb === "pauseAll") return void (await world.call("tasks/pause", { select, ...pausing }));
    if (verb === "resumeAll") return void (await world.call("tasks/resume", { select }));
    const task = chance.oneOf((await this.#list(verb === "delete" || verb === "rerun")) ?? []);
    if (!task) return;
    const { id } = task;
    if (verb === "pause") {
      const mode = chance.oneOf(["auto", "freeze", "checkpoint"] as const);
      const until =
        chance.next() < 0.3 ? new Date(Date.now() + chance.within(10, 800)).toISOString() : undefined;
      const at =
        chance.next() < 0.2 ? new Date(Date.now() + chance.within(10, 300)).toISOString() : undefined;
      const planned = { ...(until && { until }), ...(at && { at }) };
      await world.call("tasks/pause", { id, mode, ...pausing, ...planned });
    }
    if (verb === "resume") {
      const fromStart = chance.next() < 0.1 || (hasNothing(task) && chance.next() < 0.5);
      await world.call("tasks/resume", { id, ...(fromStart && { fromStart }) });
    }
    if (verb === "cancel") {
      this.#touch(id);
      await world.call("tasks/cancel", pausing.wait ? { id, graceMs: pausing.graceMs } : { id, ...pausing });
    }
    if (verb === "hold" || verb === "release") await world.call(`tasks/${verb}`, { id });
    if (verb === "answer" && task.question) await world.call("tasks/answer", { id, text: "yes" });
    if (verb === "send") await world.call("tasks/send", { id, text: `text ${++this.#texts}` });
    if (verb === "delete") await this.#delete(id);
    if (verb === "rerun") await world.call("tasks/rerun", { id, env: world.home.env });
  }

  async #list(ended: boolean): Promise<Task[]> {
    const state = ended ? terminalStates : openStates;
    return (await this.#world.call("tasks/list", { state, limit: 200 }))?.tasks ?? [];
  }

  async #delete(id: number): Promise<void> {
    const { deleted, ended, ids } = this.#world;
    try {
      const answer = await this.#world.call("tasks/delete", { id });
      if (answer) deleted.add(id);
    } finally {
      // Without a response, nobody knows whether the task is still there.
      ended.delete(id);
      if (!deleted.has(id)) ids.delete(id);
    }
  }

  async #create(chance: Chance): Promise<void> {
    if ((await this.#list(false)).length >= MOST_OPEN) return;
    const kind = chance.weighted(KINDS);
    const exits = chance.within(20, 60);
    const queue = chance.next() < 0.25 ? "narrow" : "default";
    const task = { ...this.#taskOf(kind, chance, exits), queue, priority: chance.within(0, 3) };
    const id = await this.#world.submit(task);
    const code = {
      steps: undefined,
      hurries: undefined,
      asks: undefined,
      retries: 0,
      saves: exits,
      plain: exits,
      forks: exits,
      continues: exits,
      agent: undefined,
    };
    this.#fates.set(id, { kind, exits: code[kind] });
  }

  #taskOf(kind: keyof typeof KINDS, chance: Chance, exits: number): object {
    const { home } = this.#world;
    const ticks = (count: number) =>
      `i=0; while [ $i -lt ${count} ]; do i=$((i + 1)); echo tick $i; sleep 0.05; done`;
    const some = ticks(chance.within(2, 25));
    if (kind === "plain") return shellTask(home, `${some}; exit ${exits}`);
    if (kind === "continues")
      return { ...shellTask(home, `${some}; exit ${exits}`), pauseMode: "checkpoint" };
    if (kind === "forks") {
      return shellTask(home, `(setsid sh -c 'trap "" TERM; sleep 300; sleep 300' &); ${some}; exit ${exits}`);
    }
    if (kind === "retries") {
      const fails = `${ticks(3)}; [ $AGENTCTL_ATTEMPT -ge 2 ] || exit 9`;
      return { ...shellTask(home, fails), retries: 3, backoffMs: chance.within(1, 200) };
    }
    if (kind === "saves") {
      const script = `n=$(cat "$AGENTCTL_CHECKPOINT" 2>/dev/null || echo 0)
        while [ $n -lt 3 ]; do n=$((n + 1)); echo $n | agentctl checkpoint save && note saved $n; sleep 0.1; done; exit ${exits}`;
      return shellTask(home, script);
    }
    if (kind === "agent") {
      const tools = () => Array.from({ length: chance.within(1, 3) }, tool);
      const tool = (): Acts[number] => ["tool", chance.within(0, 300)];
      const limit: Acts[number] = ["limit", chance.within(100, 1_000)];
      return agentActs(home, chance.oneOf(["claude", "codex"] as const) ?? "claude", [
        ...tools(),
        limit,
        ...tools(),
      ]);
    }
    const step = (): Does[number] => ["step", chance.within(0, 150)];
    const steps: Does = Array.from({ length: chance.within(2, 8) }, step);
    if (kind === "asks")
      return moduleTask(home, [step(), ["ask", "Go on?"], ["sleep", chance.within(1, 300)], step()]);
    // Very short steps, which the host itself makes durable.
    const brief = (most: number): Does => Array.from({ length: chance.within(0, most) }, () => ["step"]);
    if (kind === "hurries")
      return moduleTask(home, [
        ...brief(300),
        step(),
        ["save", 1],
        ...brief(300),
        ["messages"],
        ...brief(300),
      ]);
    return moduleTask(home, [...steps, ["messages"], ["save", 1], step(), ["artifact", "report"]]);
  }

  #touch(id: number): void {
    this.#touched.add(id);
  }

  async #kill(chance: Chance): Promise<void> {
    const world = this.#world;
    if (this.#power) return await this.#cutPower(this.#power, chance);
    const what = chance.weighted(KILLS);
    this.#count(`kill ${what}`);
    if (what === "daemon") return await world.kill();
    if (what === "stop" || what === "restart") {
      const graceMs = chance.within(0, 400);
      return await world.stop(what === "restart" ? { keep: true } : { graceMs });
    }
    const all = bearers(world.home);
    if (what === "everything") {
      await world.kill();
      this.#strike(guards(all));
      return this.#strike(bearers(world.home));
    }
    const guard = chance.oneOf(guards(all));
    if (!guard) return;
    const tree = all.filter(({ token, pid }) => token === guard.token && pid !== guard.pid);
    if (what === "guard") this.#strike([guard]);
    if (what === "tree") this.#strike([guard, ...tree]);
    if (what === "program") this.#strike(tree.filter(({ ppid }) => ppid === guard.pid));
  }

  async #cutPower(power: PowerDisk, chance: Chance): Promise<void> {
    await this.#world.up();
    await sleep(chance.within(0, POWERED_MS));
    await this.#world.outage(() => power.fail());
    this.#count("power failures");
  }

  #strike(victims: readonly Bearer[]): void {
    const tokens = new Set(victims.map(({ token }) => token));
    for (const id of this.#world.idsOf(tokens)) this.#touch(id);
    for (const { pid } of victims) signalTo(pid, "SIGKILL");
  }

  /** Releases queues and tasks, answers questions and resumes tasks until none is open. */
  async #settle(): Promise<void> {
    const world = this.#world;
    const deadline = performance.now() + SETTLE_MS;
    const attempt = (method: string, params: object) => world.try(method, params);
    for (;;) {
      for (const name of ["default", "narrow"]) await attempt("queues/release", { name });
      await attempt("queues/set", { name: "default", slots: 6 });
      const { tasks } = await world.ask("tasks/list", { state: openStates, limit: 1000 });
      if (tasks.length === 0) break;
      for (const task of tasks as Task[]) {
        const { id, state, held, question } = task;
        if (held) await attempt("tasks/release", { id });
        if (question) await attempt("tasks/answer", { id, text: "yes" });
        if (state === "suspended") {
          // If there is nothing to continue from, start again from the start, as a person would.
          (!hasNothing(task) && (await attempt("tasks/resume", { id }))) ||
            (await attempt("tasks/resume", { id, fromStart: true }));
        }
      }
      if (performance.now() > deadline) {
        throw new Error(`still open: ${JSON.stringify(tasks)}\n${world.log().slice(-4000)}`);
      }
      await sleep(100);
    }
  }

  /** Returns a message for each task that did not end as its own program decided, unless the walk interfered. */
  async ends(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [id, { kind, exits }] of this.#fates) {
      if (this.#touched.has(id) || !this.#world.ids.has(id) || this.#world.deleted.has(id)) continue;
      const task = await this.#world.task(id);
      const isRight = exits ? task.exitCode === exits : task.state === "completed";
      if (!isRight)
        wrong.push(`task ${id} (${kind}) ended as ${task.state}, ${task.exitCode}: ${task.error?.message}`);
    }
    return wrong;
  }
}
