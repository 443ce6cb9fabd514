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
  #isReported = false;
  #durationMs = 0;

  constructor(session: Session, place: Place) {
    this.#session = session;
    this.#place = place;
    this.isBrief = session.briefness.expects(place.name);
    if (this.isBrief) this.#timer = setTimeout(() => this.report(), BRIEF_MS);
  }

  /** Reports the step now, and again to a daemon that starts while the step runs. */
  report(): void {
    this.#isReported = true;
    this.#sendStart();
    this.#session.running.add(this.#sendStart);
  }

  /** Called when the step's function has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#session.running.delete(this.#sendStart);
    this.#durationMs = systemClock.mono() - this.#startedAt;
    this.#session.briefness.learn(this.#place.name, this.wasBrief);
  }

  /** Whether the step took less than {@link BRIEF_MS}. Valid only after `end`. */
  get wasBrief(): boolean {
    return this.#durationMs < BRIEF_MS;
  }

  /** Called when the step has failed, and so has no result. */
  markFailed(): void {
    this.end();
    if (this.#isReported) this.#sendEnd();
  }

  /** Called when the step's result is in the step file. */
  markWritten(): void {
    const now = systemClock.mono();
    if (!this.#isReported && now - this.#session.lastNoticeAt < REPORT_INTERVAL_MS) return;
    this.#session.lastNoticeAt = now;
    this.#sendEnd();
  }

  #sendEnd(): void {
    this.#session.link.notify("attempt/step", { ...keyOf(this.#place), started: false });
  }

  readonly #sendStart = () => {
    this.#session.link.notify("attempt/step", { ...keyOf(this.#place), started: true });
  };
}

/** Returns the fields of a place that a request names a step by. */
export function keyOf({ name, n, base, call }: Place) {
  return { name, n, base, call };
}
