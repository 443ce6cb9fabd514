/** Wall-clock times of a time zone. A wall-clock time is the ms since 1970 at which UTC shows the same time. */

const DAY_MS = 86_400_000;

export class Zone {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** Returns how far the wall clock is ahead of UTC at a moment, in ms. */
  offset(at: number): number {
    const parts = this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]);
    const { year, month, day, hour, minute, second } = Object.fromEntries(parts);
    const wholeSeconds = Math.floor(at / 1000) * 1000;
    return Date.UTC(year, month - 1, day, hour, minute, second) - wholeSeconds;
  }

  /** Returns when the clock first shows this time; if the clock skips it, the moment of the skip. */
  momentOf(wall: number): number {
    const before = this.offset(wall - DAY_MS);
    const after = this.offset(wall + DAY_MS);
    const candidates = [wall - before, wall - after].filter((at) => at + this.offset(at) === wall);
    return candidates.length > 0 ? Math.min(...candidates) : this.#findChange(wall - after, wall - before);
  }

  /** Returns the latest time that the clock may have shown by a moment, even if it was set back since. */
  latestShown(at: number): number {
    return at + Math.max(this.offset(at - DAY_MS), this.offset(at));
  }

  /** Returns when the clock changes between two moments. */
  #findChange(from: number, to: number): number {
    const old = this.offset(from);
    let [low, high] = [from, to];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offset(middle) === old) low = middle;
      else high = middle;
    }
    return high;
  }
}
