import { systemClock } from "../../core/time.ts";
import { REPORT_INTERVAL_MS } from "../../home/step-record.ts";
import type { Place } from "../journal.ts";
import type { Session } from "../session.ts";

/** A step that is expected to take less than this is reported only if it takes longer. */
const BRIEF_MS = 5;

/**
 * Reports to the daemon that a step runs, so that `show` and `pause` can name it. Nothing else depends on the report. A
 * step that is always brief is not worth a report for every call.
 */
export class Notice {
  readonly isBrief: boolean;
  readonly #session: Session;
  readonly #place: Place;
  readonly #startedAt = systemClock.mono();
  readonly #timer: NodeJS.Timeout | undefined;
  #isTold = false;
  #tookMs = 0;

  constructor(session: Session, place: Place) {
    this.#session = session;
    this.#place = place;
    this.isBrief = session.briefness.expects(place.name);
    if (this.isBrief) this.#timer = setTimeout(() => this.tell(), BRIEF_MS);
  }

  /** Reports the step now, and again to a daemon that starts while the step runs. */
  tell(): void {
    this.#isTold = true;
    this.#say();
    this.#session.running.add(this.#say);
  }

  /** Called when the step's function has ended. */
  over(): void {
    clearTimeout(this.#timer);
    this.#session.running.delete(this.#say);
    this.#tookMs = systemClock.mono() - this.#startedAt;
    this.#session.briefness.learn(this.#place.name, this.wasBrief);
  }

  /** Whether the step took less than {@link BRIEF_MS}. Valid only after `over`. */
  get wasBrief(): boolean {
    return this.#tookMs < BRIEF_MS;
  }

  /** Called when the step has failed, and so has no result. */
  failed(): void {
    this.over();
    if (this.#isTold) this.#sayOver();
  }

  /** Called when the step's result is in the step file. */
  written(): void {
    const now = systemClock.mono();
    if (!this.#isTold && now - this.#session.wordAt < REPORT_INTERVAL_MS) return;
    this.#session.wordAt = now;
    this.#sayOver();
  }

  #sayOver(): void {
    this.#session.link.tell("attempt/step", { ...keyOf(this.#place), started: false });
  }

  readonly #say = () => {
    this.#session.link.tell("attempt/step", { ...keyOf(this.#place), started: true });
  };
}

/** Returns the fields of a place that a request names a step by. */
export function keyOf({ name, n, base, call }: Place) {
  return { name, n, base, call };
}
