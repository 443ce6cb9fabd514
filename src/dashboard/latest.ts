import { useState } from "preact/hooks";

/**
 * Responses can overtake each other. This keeps only those that are newer than the last one taken: a response is
 * dropped if the response to a later request has already arrived.
 */
export class Latest {
  #lastRequest = 0;
  #lastTaken = 0;

  /** Numbers a request. Returns a function that says, when its response arrives, whether to take it. */
  ask(): () => boolean {
    const n = ++this.#lastRequest;
    return () => {
      if (n < this.#lastTaken) return false;
      this.#lastTaken = n;
      return true;
    };
  }
}

export function useLatest(): Latest {
  return useState(() => new Latest())[0];
}
