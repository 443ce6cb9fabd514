import { systemClock } from "../../core/time.ts";
import { WORD_EVERY_MS } from "../../home/step-record.ts";
import type { Place } from "../journal.ts";
import type { Session } from "../session.ts";

/** A step that is expected to take less than this is told of only when it takes longer. */
const BRIEF_MS = 5;

/**
 * The word to the daemon that a step runs, so that `show` and `pause` can name it; nothing else depends on it. What is
 * brief each time is not worth a message at every call.
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

  /** Says it, also to a daemon that comes while the step runs. */
  tell(): void {
    this.#isTold = true;
    this.#say();
    this.#session.running.add(this.#say);
  }

  /** Its function has ended. */
  over(): void {
    clearTimeout(this.#timer);
    this.#session.running.delete(this.#say);
    this.#tookMs = systemClock.mono() - this.#startedAt;
    this.#session.briefness.learn(this.#place.name, this.wasBrief);
  }

  /** Of one that is over: it was so in a moment. */
  get wasBrief(): boolean {
    return this.#tookMs < BRIEF_MS;
  }

  /** It has no result. */
  failed(): void {
    this.over();
    if (this.#isTold) this.#sayOver();
  }

  /** Its result stands in the step file. */
  written(): void {
    const now = systemClock.mono();
    if (!this.#isTold && now - this.#session.wordAt < WORD_EVERY_MS) return;
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

/** A place as the daemon takes it. */
export function keyOf({ name, n, base, call }: Place) {
  return { name, n, base, call };
}
