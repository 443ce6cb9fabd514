import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { idsText } from "./ids-text.ts";
import { type Standstill, standstillOf } from "./task-text.ts";

/** A task that waits for a slot no longer than this is not worth a word. */
const SOON_MS = 1000;
/** What many tasks come to wait for within this time is told in one line. */
const TOGETHER_MS = 300;

/** What is to be told of a task. */
interface News {
  task: TaskJson;
  standstill: Standstill | null;
}

/**
 * Tells who follows or waits for tasks what they wait for, each time that changes, and when they go on. Of many tasks
 * that wait for the same it tells in one line.
 */
export class Notices {
  readonly #context: Context;
  /** Whether more than one task is looked at. */
  readonly #isMany: boolean;
  readonly #last = new Map<number, string>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #news = new Map<string, News[]>();
  #together: NodeJS.Timeout | undefined;

  constructor(context: Context, isMany: boolean) {
    this.#context = context;
    this.#isMany = isMany;
  }

  /** Looks at a task as it is now; `before` is awaited before a word is printed. */
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

  /** That one of many has got its slot is no news; that one goes on which a person had to help is. */
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
      const text = others.length === 0 ? ofOne(first) : ofMany(all.map(({ task }) => task));
      this.#context.out.note(text);
    }
    this.#news.clear();
  }
}

function ofOne({ task, standstill }: News): string {
  if (!standstill) return `task ${task.id} goes on`;
  const { why, todo } = standstill;
  return todo === null ? `task ${task.id} ${why}` : `task ${task.id} ${why}; ${todo}`;
}

/** Tasks that wait for the same, and the command that changes it for all of them. */
function ofMany(tasks: readonly TaskJson[]): string {
  const ids = tasks.map(({ id }) => id);
  const who = `${ids.length} tasks`;
  const { state, waiting, queue } = tasks[0] as TaskJson;
  const named = `${who} (${idsText(ids)})`;
  switch (state === "suspended" ? state : waiting?.for) {
    case "slot":
      return `${who} wait for a slot in queue ${queue}; agentctl queue set ${queue} --slots <n>`;
    case "queue":
      return `${who} wait: queue ${queue} is held; agentctl queue release ${queue}`;
    case "hold":
      return `${named} are held; agentctl release <tasks>`;
    case "answer":
      return `${named} ask; agentctl list --state input-required shows what, agentctl answer <id> <text> answers`;
    case "suspended":
      return `${named} are suspended; agentctl list --state suspended shows why, agentctl resume <tasks> goes on`;
    case "time":
    case "backoff":
      return `${named} wait for their time; agentctl list`;
    case "task":
      return `${named} wait for other tasks; agentctl list`;
    default:
      return waiting ? `${named} wait; agentctl list` : `${named} go on`;
  }
}
