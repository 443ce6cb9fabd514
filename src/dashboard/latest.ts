import { useState } from "preact/hooks";

/**
 * Answers overtake each other. Of several questions about one thing, the answer to the one that was asked last counts, and
 * what was asked before it and arrives after it is old.
 */
export class Latest {
  #asked = 0;
  #taken = 0;

  /** Asks; gives what says, when the answer is here, whether it is to be taken. */
  ask(): () => boolean {
    const n = ++this.#asked;
    return () => {
      if (n < this.#taken) return false;
      this.#taken = n;
      return true;
    };
  }
}

export function useLatest(): Latest {
  return useState(() => new Latest())[0];
}
