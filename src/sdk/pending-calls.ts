/**
 * Tracks the calls of the task that are in flight, and with them when the attempt can be left. A call is in flight from
 * the moment it is made until it has its result. It is in one of these states:
 *
 *   busy      a step runs, or the daemon is processing a request
 *   parked    held at its beginning or end, because the task is being paused or left
 *   retrying  a step waits for its next try
 *   sleeping, asking   waiting in this process, because the attempt need not or cannot be left
 *
 * While a pause is requested, every call parks. The attempt is left once at least one call is in flight and none is
 * busy. Without a pause, it is left when all calls in flight sleep, or the only one waits for an answer. Both are
 * checked one turn of the event loop after the last change, so that the module can first make the next call.
 */
import type { Place } from "./journal.ts";

type FlightState = "busy" | "parked" | "retrying" | "sleeping" | "asking";

/** Why an attempt is left. `until` is the time at which the first sleep ends, in ms since 1970. */
export type Leave = { for: "pause" } | { for: "ask" } | { for: "sleep"; until: number };

export class PendingCall {
  readonly #changed: () => void;
  /** The place of a journaled call in the journal, once it is counted. */
  place: Place | undefined;
  /** Called when a checkpoint has moved the place. */
  onMoved: (() => void) | undefined;
  state: FlightState = "busy";
  /** When a sleep ends, in ms since 1970. */
  until = 0;
  /** The value that a step keeps for its next run, as JSON. */
  kept: string | undefined;
  /** Whether the process must not end for this call: the sleep is too short, or an attempt to leave was refused. */
  mustStay = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  setState(state: FlightState): void {
    this.state = state;
    this.#changed();
  }
}

export class PendingCalls {
  readonly #flights = new Set<PendingCall>();
  readonly #leave: (leave: Leave) => Promise<void>;
  readonly #pauseChanged: (isPausing: boolean) => void;
  #parked: (() => void)[] = [];
  /** The number of calls that have a place, and the place of the call that is alone. */
  #placedCount = 0;
  #alone: Place | undefined;
  #isPausing = false;
  #isLeaving = false;
  #isCheckScheduled = false;
  #hasEnded = false;

  /**
   * `leave` resolves when the attempt is over, and rejects if it must continue. `pauseChanged` is called when a pause
   * is requested or called off.
   */
  constructor(leave: (leave: Leave) => Promise<void>, pauseChanged: (isPausing: boolean) => void) {
    this.#leave = leave;
    this.#pauseChanged = pauseChanged;
  }

  /** Whether a pause is requested and was not called off. */
  get isPausing(): boolean {
    return this.#isPausing;
  }

  /** Whether calls park at a safe point. */
  get isHeld(): boolean {
    return this.#isPausing || this.#isLeaving || this.#hasEnded;
  }

  /** The calls in flight, in the order in which they were made. */
  get flights(): Iterable<PendingCall> {
    return this.#flights;
  }

  begin(): PendingCall {
    const flight = new PendingCall(() => this.#scheduleCheck());
    this.#flights.add(flight);
    return flight;
  }

  /** Gives a call its place. If another call in flight has a place, neither of them is alone. */
  setPlace(flight: PendingCall, place: Place): void {
    flight.place = place;
    place.alone = this.#placedCount === 0;
    if (this.#alone) this.#alone.alone = false;
    this.#alone = place.alone ? place : undefined;
    this.#placedCount++;
  }

  end(flight: PendingCall): void {
    if (this.#flights.delete(flight) && flight.place) this.#placedCount--;
    if (this.#alone === flight.place) this.#alone = undefined;
    this.#scheduleCheck();
  }

  pause(): void {
    this.#setPausing(true);
    this.#scheduleCheck();
  }

  #setPausing(isPausing: boolean): void {
    if (this.#isPausing === isPausing) return;
    this.#isPausing = isPausing;
    this.#pauseChanged(isPausing);
  }

  /** Calls the pause off. Parked calls continue in their order. */
  resume(): void {
    this.#setPausing(false);
    if (!this.#isLeaving) this.#release();
  }

  /** Stops all calls: none returns from now on. */
  stop(): void {
    this.#hasEnded = true;
  }

  /** A safe point. Resolves at once, or when the pause is called off, or never. */
  async pass(flight: PendingCall): Promise<void> {
    while (this.isHeld) await this.#park(flight);
  }

  /** Resolves unless the attempt is being left. A pause that is only requested does not hold the call here. */
  async open(flight: PendingCall): Promise<void> {
    while (this.#isLeaving || this.#hasEnded) await this.#park(flight);
  }

  async #park(flight: PendingCall): Promise<void> {
    flight.setState("parked");
    await new Promise<void>((resolve) => this.#parked.push(resolve));
    flight.setState("busy");
  }

  #release(): void {
    for (const callback of this.#parked.splice(0)) callback();
    this.#scheduleCheck();
  }

  #scheduleCheck(): void {
    if (this.#isCheckScheduled) return;
    this.#isCheckScheduled = true;
    setImmediate(() => {
      this.#isCheckScheduled = false;
      const leave = this.#reasonToLeave();
      if (leave) void this.#tryToLeave(leave);
    });
  }

  #reasonToLeave(): Leave | undefined {
    if (this.#isLeaving || this.#hasEnded || this.#flights.size === 0) return undefined;
    const flights = [...this.#flights];
    if (flights.some(({ state }) => state === "busy")) return undefined;
    if (this.#isPausing) return { for: "pause" };
    if (flights.some(({ mustStay: stays }) => stays)) return undefined;
    if (flights.every(({ state }) => state === "asking")) return { for: "ask" };
    if (!flights.every(({ state }) => state === "sleeping")) return undefined;
    return { for: "sleep", until: Math.min(...flights.map(({ until }) => until)) };
  }

  async #tryToLeave(leave: Leave): Promise<void> {
    this.#isLeaving = true;
    try {
      await this.#leave(leave);
    } catch {
      this.#isLeaving = false;
      if (leave.for === "pause") this.#setPausing(false);
      else this.#stay();
      // Also during a pause: calls that `open` has parked continue, the others park again.
      this.#release();
    }
  }

  #stay(): void {
    for (const flight of this.#flights) if (flight.state !== "parked") flight.mustStay = true;
  }
}
