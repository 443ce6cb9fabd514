/** The tasks on the screen, kept up to date without fetching all of them again. */

import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Params, QueueJson, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import { allPages } from "../input/selection.ts";

/** How many ended tasks are kept. */
const RECENT_LIMIT = 20;
/** If more tasks than this have changed, all are fetched in one go. */
const MAX_SINGLE_FETCHES = 20;
/** How many working tasks are fetched again without an event. */
const WORKING_LIMIT = 500;

type Select = Pick<Params<"tasks/list">, "queue" | "labels">;

export class Board {
  queues: readonly QueueJson[] = [];
  readonly #select: Select;
  readonly #tasks = new Map<number, TaskJson>();
  readonly #changed = new Set<number>();
  #isStale = true;

  /** Keeps the tasks that `select` means. */
  constructor(select: Select) {
    this.#select = select;
  }

  get tasks(): readonly TaskJson[] {
    return [...this.#tasks.values()];
  }

  /** Notes that something happened to this task. */
  noteChange(id: number): void {
    this.#changed.add(id);
  }

  /** Notes that events may have been missed, so that everything is fetched again. */
  noteGap(): void {
    this.#isStale = true;
  }

  /** Fetches what has changed since the last time; returns whether anything has. */
  async refresh(rpc: RpcClient): Promise<boolean> {
    const changed = [...this.#changed];
    if (!this.#isStale && changed.length === 0) return false;
    this.#changed.clear();
    try {
      if (this.#isStale || changed.length > MAX_SINGLE_FETCHES) await this.#fetchAll(rpc);
      else await Promise.all(changed.map((id) => this.#fetchOne(rpc, id)));
      this.queues = (await rpc.call("queues/list", {})).queues;
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
    this.#dropOldest();
    return true;
  }

  /** Fetches what changes without an event: the progress of working tasks, and what the waiting ones wait for. */
  async poll(rpc: RpcClient, visible: readonly TaskJson[], isSlowTurn: boolean): Promise<boolean> {
    const working = visible.some(({ state }) => state === "working");
    const waiting = visible.filter(({ state }) => state === "submitted" || state === "resumed");
    const requests: Params<"tasks/list">[] = working ? [{ state: ["working"], limit: WORKING_LIMIT }] : [];
    if (isSlowTurn && waiting.length > 0) {
      const before = Math.min(...waiting.map(({ id }) => id)) - 1;
      requests.push({ state: ["submitted", "resumed"], cursor: String(before), limit: waiting.length });
    }
    for (const params of requests) {
      const { tasks } = await rpc.call("tasks/list", { ...this.#select, ...params });
      for (const task of tasks) this.#tasks.set(task.id, task);
    }
    return requests.length > 0;
  }

  async #fetchAll(rpc: RpcClient): Promise<void> {
    const tasks = await allPages(rpc, { ...this.#select, recent: RECENT_LIMIT });
    this.#tasks.clear();
    for (const task of tasks) this.#tasks.set(task.id, task);
    this.#isStale = false;
  }

  async #fetchOne(rpc: RpcClient, id: number): Promise<void> {
    try {
      const { task } = await rpc.call("tasks/get", { id });
      if (this.#isSelected(task)) this.#tasks.set(id, task);
      else this.#tasks.delete(id);
    } catch (error) {
      if (!(error instanceof AgentctlError && error.name === "TaskNotFound")) throw error;
      this.#tasks.delete(id);
    }
  }

  #isSelected({ queue, labels }: TaskJson): boolean {
    const { queue: selectedQueue = queue, labels: pairs = {} } = this.#select;
    return queue === selectedQueue && Object.entries(pairs).every(([key, text]) => labels[key] === text);
  }

  #dropOldest(): void {
    const ended = [...this.#tasks.values()].filter(({ state }) => isTerminal(state));
    if (ended.length <= RECENT_LIMIT) return;
    const endTime = ({ endedAt }: TaskJson) => Date.parse(endedAt ?? "");
    ended.sort((a, b) => endTime(b) - endTime(a) || b.id - a.id);
    for (const { id } of ended.slice(RECENT_LIMIT)) this.#tasks.delete(id);
  }
}
