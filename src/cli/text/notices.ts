import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { standstillOf } from "./task-text.ts";

/** A task that waits for a slot no longer than this is not worth a word. */
const SOON_MS = 1000;

/** Tells who follows or waits for a task what it waits for, each time that changes, and when it goes on. */
export class Notices {
  readonly #context: Context;
  readonly #last = new Map<number, string>();
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks at a task as it is now; `before` is awaited before a word is printed. */
  async see(task: TaskJson, before: () => Promise<void> = async () => undefined): Promise<void> {
    const { id, state, waiting } = task;
    clearTimeout(this.#timers.get(id));
    const standstill = standstillOf(task, this.#context.clock.now());
    const kind = standstill ? `${state} ${waiting?.for ?? ""}` : "";
    if (kind === (this.#last.get(id) ?? "")) return;
    const tell = async () => {
      const wasStill = (this.#last.get(id) ?? "") !== "";
      this.#last.set(id, kind);
      await before();
      if (standstill) this.#say(`task ${id} ${standstill.why}`, standstill.todo);
      else if (wasStill && state === "working") this.#say(`task ${id} goes on`, null);
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
  }

  #say(what: string, todo: string | null): void {
    this.#context.out.note(todo === null ? what : `${what}; ${todo}`);
  }
}
