import type { Clock } from "../../core/time.ts";
import type { Engine } from "../engine.ts";

/** A smaller change between two checks is slewing of the wall clock; a larger one is a jump, or the machine slept. */
const JUMP_MS = 1000;

/** Detects jumps of the wall clock with the clock that never jumps. */
export class ClockWatch {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.mono();
  }

  /** Returns how far the wall clock has jumped since the last check, in ms, or 0. A sleep makes it jump ahead. */
  jump(): number {
    const offset = this.#clock.now() - this.#clock.mono();
    const jumpMs = offset - this.#offset;
    if (Math.abs(jumpMs) < JUMP_MS) return 0;
    this.#offset = offset;
    return jumpMs;
  }
}

/**
 * Handles a jump of the clock. Times that a person gave stay as they are: they mean the wall clock. A backoff is a
 * duration, so if the clock was set back, we move its end back too; otherwise the task would wait longer.
 */
export async function afterJump(engine: Engine, jumpMs: number): Promise<void> {
  engine.log.info({ by: jumpMs }, "the clock has jumped, or the machine slept");
  if (jumpMs < 0) {
    const waiting = await engine.store.list({ states: ["submitted"], limit: 1_000_000 });
    for (const { id, delay, notBefore } of waiting) {
      if (delay !== "backoff" || notBefore === null) continue;
      await engine.store.update(id, { notBefore: notBefore + jumpMs }, { states: ["submitted"] });
    }
  }
  engine.wake();
}
