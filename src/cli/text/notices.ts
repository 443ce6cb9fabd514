import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { idsText, type Standstill, standstillOf } from "./task-text.ts";

/** How long a task must wait for a slot before we print a notice, in ms. */
const SLOT_DELAY_MS = 1000;
/** Tasks that begin to wait for the same thing within this time, in ms, share one line. */
const BATCH_MS = 300;

/** What to report about a task. */
interface Notice {
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
  readonly #pending = new Map<string, Notice[]>();
  #batchTimer: NodeJS.Timeout | undefined;

  constructor(context: Context, isMany: boolean) {
    this.#context = context;
    this.#isMany = isMany;
  }

  /** Takes the current state of a task. Awaits `onBeforePrint` before it prints a notice. */
  async update(task: TaskJson, onBeforePrint: () => Promise<void> = async () => undefined): Promise<void> {
    const { id, state, waiting } = task;
    clearTimeout(this.#timers.get(id));
    const standstill = standstillOf(task, this.#context.clock.now());
    const kind = standstill ? `${state} ${waiting?.for ?? ""} ${task.queue}` : "";
    const last = this.#last.get(id) ?? "";
    if (kind === last) return;
    const report = async () => {
      this.#last.set(id, kind);
      await onBeforePrint();
      if (standstill) this.#add(kind, { task, standstill });
      else if (state === "working" && this.#shouldReport(last)) this.#add("goes on", { task, standstill });
    };
    if (waiting?.for === "slot" && standstill) {
      this.#timers.set(
        id,
        setTimeout(() => void report(), SLOT_DELAY_MS),
      );
      return;
    }
    await report();
  }

  end(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#flush();
  }

  /** Returns whether to report that a task continues. With many tasks, only if it needed a person before. */
  #shouldReport(last: string): boolean {
    return this.#isMany ? /^(suspended|input-required) /.test(last) : last !== "";
  }

  #add(kind: string, notice: Notice): void {
    this.#pending.set(kind, [...(this.#pending.get(kind) ?? []), notice]);
    if (!this.#isMany) this.#flush();
    else this.#batchTimer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush(): void {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    for (const notices of this.#pending.values()) {
      const [first, ...others] = notices;
      if (!first) continue;
      const { why, todo } =
        others.length === 0 ? singleNotice(first) : groupNotice(notices.map(({ task }) => task));
      this.#context.out.note(why, todo ?? undefined);
    }
    this.#pending.clear();
  }
}

function singleNotice({ task, standstill }: Notice): Standstill {
  if (!standstill) return { why: `task ${task.id} goes on`, todo: null };
  return { ...standstill, why: `task ${task.id} ${standstill.why}` };
}

/** Returns the notice for tasks that wait for the same thing, with the command that helps all of them. */
function groupNotice(tasks: readonly TaskJson[]): Standstill {
  const ids = tasks.map(({ id }) => id);
  const subject = `${ids.length} tasks`;
  const { state, waiting, queue } = tasks[0] as TaskJson;
  const subjectWithIds = `${subject} (${idsText(ids)})`;
  switch (state === "suspended" ? state : waiting?.for) {
    case "slot":
      return {
        why: `${subject} wait for a slot in queue ${queue}`,
        todo: `agentctl queue set ${queue} --slots <n>`,
      };
    case "queue":
      return { why: `${subject} wait: queue ${queue} is held`, todo: `agentctl queue release ${queue}` };
    case "hold":
      return { why: `${subjectWithIds} are held`, todo: "agentctl release <tasks>" };
    case "answer":
      return {
        why: `${subjectWithIds} ask`,
        todo: "agentctl list --state input-required shows what, agentctl answer <id> <text> answers",
      };
    case "suspended":
      return {
        why: `${subjectWithIds} are suspended`,
        todo: "agentctl list --state suspended shows why, agentctl resume <tasks> goes on",
      };
    case "time":
    case "backoff":
    case "limit":
      return { why: `${subjectWithIds} wait for their time`, todo: "agentctl list" };
    case "task":
      return { why: `${subjectWithIds} wait for other tasks`, todo: "agentctl list" };
    default:
      return waiting
        ? { why: `${subjectWithIds} wait`, todo: "agentctl list" }
        : { why: `${subjectWithIds} go on`, todo: null };
  }
}
