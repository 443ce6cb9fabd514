import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { idsText, type Standstill, standstillOf } from "./task-text.ts";

/** How long a task must wait for a slot before we print a notice, in ms. */
const SOON_MS = 1000;
/** Tasks that begin to wait for the same thing within this time, in ms, share one line. */
const TOGETHER_MS = 300;

/** What to report about a task. */
interface News {
  task: TaskJson;
  standstill: Standstill | null;
}

/**
 * Prints notices for a command that follows or waits for tasks: what a task waits for, whenever that changes, and when
 * it continues. Many tasks that wait for the same thing share one line.
 */
export class Notices {
  readonly #context: Context;
  /** Whether the command follows more than one task. */
  readonly #isMany: boolean;
  readonly #last = new Map<number, string>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #news = new Map<string, News[]>();
  #together: NodeJS.Timeout | undefined;

  constructor(context: Context, isMany: boolean) {
    this.#context = context;
    this.#isMany = isMany;
  }

  /** Takes the current state of a task. Awaits `before` before it prints a notice. */
  async see(task: TaskJson, before: () => Promise<void> = async () => undefined): Promise<void> {
    const { id, state, waiting } = task;
    clearTimeout(this.#timers.get(id));
    const standstill = standstillOf(task, this.#context.clock.now());
    const kind = standstill ? `${state} ${waiting?.for ?? ""} ${task.queue}` : "";
    const last = this.#last.get(id) ?? "";
    if (kind === last) return;
    const tell = async () => {
      this.#last.set(id, kind);
      await before();
      if (standstill) this.#take(kind, { task, standstill });
      else if (state === "working" && this.#isWorthTelling(last)) this.#take("goes on", { task, standstill });
    };
    if (waiting?.for === "slot" && standstill) {
      this.#timers.set(
        id,
        setTimeout(() => void tell(), SOON_MS),
      );
      return;
    }
    await tell();
  }

  end(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#tell();
  }

  /** Returns whether to report that a task continues. With many tasks, only if it needed a person before. */
  #isWorthTelling(last: string): boolean {
    return this.#isMany ? /^(suspended|input-required) /.test(last) : last !== "";
  }

  #take(kind: string, news: News): void {
    this.#news.set(kind, [...(this.#news.get(kind) ?? []), news]);
    if (!this.#isMany) this.#tell();
    else this.#together ??= setTimeout(() => this.#tell(), TOGETHER_MS);
  }

  #tell(): void {
    clearTimeout(this.#together);
    this.#together = undefined;
    for (const all of this.#news.values()) {
      const [first, ...others] = all;
      if (!first) continue;
      const { why, todo } = others.length === 0 ? ofOne(first) : ofMany(all.map(({ task }) => task));
      this.#context.out.note(why, todo ?? undefined);
    }
    this.#news.clear();
  }
}

function ofOne({ task, standstill }: News): Standstill {
  if (!standstill) return { why: `task ${task.id} goes on`, todo: null };
  return { ...standstill, why: `task ${task.id} ${standstill.why}` };
}

/** Returns the notice for tasks that wait for the same thing, with the command that helps all of them. */
function ofMany(tasks: readonly TaskJson[]): Standstill {
  const ids = tasks.map(({ id }) => id);
  const who = `${ids.length} tasks`;
  const { state, waiting, queue } = tasks[0] as TaskJson;
  const named = `${who} (${idsText(ids)})`;
  switch (state === "suspended" ? state : waiting?.for) {
    case "slot":
      return {
        why: `${who} wait for a slot in queue ${queue}`,
        todo: `agentctl queue set ${queue} --slots <n>`,
      };
    case "queue":
      return { why: `${who} wait: queue ${queue} is held`, todo: `agentctl queue release ${queue}` };
    case "hold":
      return { why: `${named} are held`, todo: "agentctl release <tasks>" };
    case "answer":
      return {
        why: `${named} ask`,
        todo: "agentctl list --state input-required shows what, agentctl answer <id> <text> answers",
      };
    case "suspended":
      return {
        why: `${named} are suspended`,
        todo: "agentctl list --state suspended shows why, agentctl resume <tasks> goes on",
      };
    case "time":
    case "backoff":
    case "limit":
      return { why: `${named} wait for their time`, todo: "agentctl list" };
    case "task":
      return { why: `${named} wait for other tasks`, todo: "agentctl list" };
    default:
      return waiting
        ? { why: `${named} wait`, todo: "agentctl list" }
        : { why: `${named} go on`, todo: null };
  }
}
