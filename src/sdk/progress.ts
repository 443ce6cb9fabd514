import type { Params } from "../protocol/methods.ts";
import type { Link } from "./link.ts";

/** Reports the task's progress to the daemon. At most one report is in flight; of those waiting, the latest is sent. */
export class Progress {
  readonly #link: Link;
  #latest: Params<"attempt/progress"> | undefined;
  #sending: Promise<void> | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Never throws. Ignores a `done` or a `total` that is not a finite number of at least 0. */
  set(done: unknown, total?: unknown, message?: unknown): void {
    if (!isAmount(done)) return;
    this.#latest = {
      done,
      total: isAmount(total) ? total : null,
      message: typeof message === "string" ? cut(message) : null,
    };
    this.#sending ??= this.#send();
  }

  /** Resolves when the daemon has accepted or refused the latest report. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#latest) {
      const params = this.#latest;
      this.#latest = undefined;
      // A lost report must not stop the task.
      await this.#link.call("attempt/progress", params).catch(() => undefined);
    }
    this.#sending = undefined;
  }
}

/** Cuts a message to 1000 characters, and drops the half of a character that the cut may leave. */
function cut(message: string): string {
  return message.slice(0, 1000).replace(/[\uD800-\uDBFF]$/, "");
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
