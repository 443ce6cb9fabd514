/**
 * What of the task is in flight, and with it when the attempt can be left. A call is a flight from the moment it is
 * made until it has its answer:
 *
 *   busy      a step runs, or the daemon is being told
 *   parked    held at its beginning or end, because the task is being paused or left
 *   retrying  a step waits for its next try
 *   sleeping, asking   in process, for lack of a reason or a chance to leave
 *
 * While a pause is asked for, every call parks; once none is busy and at least one stands still, the attempt is left.
 * Without a pause it is left when all that is in flight sleeps, or waits for the answer to the one question. Both are
 * considered a turn of the event loop after the last change, so that the module has made the call that it was about to.
 */
import type { Place } from "./journal.ts";

type FlightState = "busy" | "parked" | "retrying" | "sleeping" | "asking";

/** Why an attempt is left; `until` is when the first of the sleeps is over. */
export type Leave = { for: "pause" } | { for: "ask" } | { for: "sleep"; until: number };

export class PendingCall {
  readonly #changed: () => void;
  /** The place in the journal of a journaled call, once it is counted. */
  place: Place | undefined;
  /** Told when a checkpoint has moved the place. */
  onMoved: (() => void) | undefined;
  state: FlightState = "busy";
  /** When a sleep is over. */
  until = 0;
  /** What a step keeps for the attempt that runs it again, as JSON. */
  kept: string | undefined;
  /** The process may not be ended for this one: too short a sleep, or leaving was refused. */
  stays = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  is(state: FlightState): void {
    this.state = state;
    this.#changed();
  }
}

export class PendingCalls {
  readonly #flights = new Set<PendingCall>();
  readonly #leave: (leave: Leave) => Promise<void>;
  readonly #pauseChanged: (isPausing: boolean) => void;
  #parked: (() => void)[] = [];
  /** How many flights have a place, and the place of the one that is alone. */
  #placed = 0;
  #alone: Place | undefined;
  #isPausing = false;
  #isLeaving = false;
  #isConsidering = false;
  #hasEnded = false;

  /**
   * `leave` resolves when the attempt is over, and rejects when it has to go on; `pauseChanged` is told when a pause is
   * asked for or called off.
   */
  constructor(leave: (leave: Leave) => Promise<void>, pauseChanged: (isPausing: boolean) => void) {
    this.#leave = leave;
    this.#pauseChanged = pauseChanged;
  }

  /** A pause is asked for and was not called off. */
  get isPausing(): boolean {
    return this.#isPausing;
  }

  /** A call parks at a safe point. */
  get isHeld(): boolean {
    return this.#isPausing || this.#isLeaving || this.#hasEnded;
  }

  /** The flights in the order of their calls. */
  get flights(): Iterable<PendingCall> {
    return this.#flights;
  }

  begin(): PendingCall {
    const flight = new PendingCall(() => this.#consider());
    this.#flights.add(flight);
    return flight;
  }

  /** Gives a flight its place; beside another one, neither is alone. */
  placed(flight: PendingCall, place: Place): void {
    flight.place = place;
    place.alone = this.#placed === 0;
    if (this.#alone) this.#alone.alone = false;
    this.#alone = place.alone ? place : undefined;
    this.#placed++;
  }

  end(flight: PendingCall): void {
    if (this.#flights.delete(flight) && flight.place) this.#placed--;
    if (this.#alone === flight.place) this.#alone = undefined;
    this.#consider();
  }

  pause(): void {
    this.#setPausing(true);
    this.#consider();
  }

  #setPausing(isPausing: boolean): void {
    if (this.#isPausing === isPausing) return;
    this.#isPausing = isPausing;
    this.#pauseChanged(isPausing);
  }

  /** The pause was called off: parked calls go on in their order. */
  goOn(): void {
    this.#setPausing(false);
    if (!this.#isLeaving) this.#release();
  }

  /** From now on no call returns. */
  stop(): void {
    this.#hasEnded = true;
  }

  /** A safe point: returns at once, or when the pause was called off, or never. */
  async pass(flight: PendingCall): Promise<void> {
    while (this.isHeld) await this.#park(flight);
  }

  /** Returns unless the attempt is being left; a pause alone does not hold here. */
  async open(flight: PendingCall): Promise<void> {
    while (this.#isLeaving || this.#hasEnded) await this.#park(flight);
  }

  async #park(flight: PendingCall): Promise<void> {
    flight.is("parked");
    await new Promise<void>((resolve) => this.#parked.push(resolve));
    flight.is("busy");
  }

  #release(): void {
    for (const go of this.#parked.splice(0)) go();
    this.#consider();
  }

  #consider(): void {
    if (this.#isConsidering) return;
    this.#isConsidering = true;
    setImmediate(() => {
      this.#isConsidering = false;
      const leave = this.#reasonToLeave();
      if (leave) void this.#tryToLeave(leave);
    });
  }

  #reasonToLeave(): Leave | undefined {
    if (this.#isLeaving || this.#hasEnded || this.#flights.size === 0) return undefined;
    const flights = [...this.#flights];
    if (flights.some(({ state }) => state === "busy")) return undefined;
    if (this.#isPausing) return { for: "pause" };
    if (flights.some(({ stays }) => stays)) return undefined;
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
      // Also during a pause: what parked for the leaving alone goes on, the rest parks again.
      this.#release();
    }
  }

  #stay(): void {
    for (const flight of this.#flights) if (flight.state !== "parked") flight.stays = true;
  }
}
