import { randomBytes } from "node:crypto";
import type { Clock } from "../../core/time.ts";

const GOOD_FOR_MS = 60_000;
const MOST_CODES = 100;

/** Codes that let a browser in. Each is valid once, for a minute. */
export class LoginCodes {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(): string {
    const code = randomBytes(24).toString("base64url");
    this.#until.set(code, this.#clock.mono() + GOOD_FOR_MS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MOST_CODES && oldest !== undefined) this.#until.delete(oldest);
    return code;
  }

  /** Returns whether the code is valid, and makes it invalid. */
  use(code: string): boolean {
    const until = this.#until.get(code);
    this.#until.delete(code);
    return until !== undefined && this.#clock.mono() < until;
  }
}
