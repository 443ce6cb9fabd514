import type { Params } from "../protocol/methods.ts";
import type { Link } from "./link.ts";

/** Tells the daemon how far the task is: at most one call is on its way, and of those that waited for it the latest goes. */
export class Progress {
  readonly #link: Link;
  #latest: Params<"attempt/progress"> | undefined;
  #sending: Promise<void> | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Never throws: a number that is none, or is below 0, is not shown. */
  set(done: unknown, total?: unknown, message?: unknown): void {
    if (!isAmount(done)) return;
    this.#latest = {
      done,
      total: isAmount(total) ? total : null,
      message: typeof message === "string" ? cut(message) : null,
    };
    this.#sending ??= this.#send();
  }

  /** Resolves when the latest was told, or refused. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#latest) {
      const params = this.#latest;
      this.#latest = undefined;
      // What is shown of a task may be missed; the task goes on.
      await this.#link.call("attempt/progress", params).catch(() => undefined);
    }
    this.#sending = undefined;
  }
}

/** The cut may go through a character, of which half is nothing to show. */
function cut(message: string): string {
  return message.slice(0, 1000).replace(/[\uD800-\uDBFF]$/, "");
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
