import { randomBytes } from "node:crypto";
import type { Clock } from "../../core/time.ts";

const VALID_MS = 60_000;
const MAX_CODES = 100;

/** Codes that let a browser in. Each is valid once, for a minute. */
export class LoginCodes {
  readonly #clock: Clock;
  readonly #expiries = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(): string {
    const code = randomBytes(24).toString("base64url");
    this.#expiries.set(code, this.#clock.mono() + VALID_MS);
    const [oldest] = this.#expiries.keys();
    if (this.#expiries.size > MAX_CODES && oldest !== undefined) this.#expiries.delete(oldest);
    return code;
  }

  /** Returns whether the code is valid, and makes it invalid. */
  use(code: string): boolean {
    const expiry = this.#expiries.get(code);
    this.#expiries.delete(code);
    return expiry !== undefined && this.#clock.mono() < expiry;
  }
}
