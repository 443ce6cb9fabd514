import type { Clock } from "../../core/time.ts";
import type { Engine } from "../engine.ts";

/** The wall clock is slewed by less than this between two looks; more is a jump, or a machine that slept. */
const JUMP_MS = 1000;

/** Tells jumps of the wall clock by the clock that never jumps. */
export class ClockWatch {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.mono();
  }

  /** By how much the wall clock has jumped since the last look; 0 where it has not. A machine that slept jumps ahead. */
  jump(): number {
    const offset = this.#clock.now() - this.#clock.mono();
    const by = offset - this.#offset;
    if (Math.abs(by) < JUMP_MS) return 0;
    this.#offset = offset;
    return by;
  }
}

/**
 * What follows from a jump. Times that a person named are kept: they mean the clock on the wall. A back-off is a
 * duration, so where the clock was set back, its end moves with it instead of waiting the difference out.
 */
export async function afterJump(engine: Engine, by: number): Promise<void> {
  engine.log.info({ by }, "the clock has jumped, or the machine slept");
  if (by < 0) {
    const waiting = await engine.store.list({ states: ["submitted"], limit: 1_000_000 });
    for (const { id, delay, notBefore } of waiting) {
      if (delay !== "backoff" || notBefore === null) continue;
      await engine.store.update(id, { notBefore: notBefore + by }, { states: ["submitted"] });
    }
  }
  engine.wake();
}
