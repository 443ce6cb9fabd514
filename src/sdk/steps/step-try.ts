import type { StepContext, SuspendOptions } from "../api.ts";
import type { Place } from "../journal.ts";
import type { PendingCall } from "../pending-calls.ts";
import type { Session } from "../session.ts";
import { fromJson, toJson } from "../strict-json.ts";
import { suspendAt } from "../suspend.ts";
import { keyOf } from "./notice.ts";
import type { StepSignal } from "./step-signal.ts";

/** The daemon accepts no more: a kept value is a token, not a checkpoint. */
const MAX_KEPT_BYTES = 64 * 1024;

interface TryInfo {
  place: Place;
  flight: PendingCall;
  signal: StepSignal;
  count: number;
}

/** The argument of a step's function, for one try. Its methods can be destructured. */
export class StepTry implements StepContext {
  readonly try: number;
  readonly #session: Session;
  readonly #info: TryInfo;

  constructor(session: Session, info: TryInfo) {
    this.#session = session;
    this.#info = info;
    this.try = info.count;
  }

  get signal(): AbortSignal {
    return this.#info.signal.get();
  }

  get kept(): unknown {
    return fromJson(this.#info.flight.kept);
  }

  readonly keep = async (value: unknown): Promise<void> => {
    const { place, flight } = this.#info;
    const text = toJson(value, "the value of step.keep()");
    if (text === undefined)
      throw new TypeError("step.keep(value): value is undefined, which JSON cannot hold");
    const size = Buffer.byteLength(text);
    if (size > MAX_KEPT_BYTES)
      throw new TypeError(`step.keep(value): it has ${size} bytes; the largest allowed is ${MAX_KEPT_BYTES}`);
    flight.kept = text;
    // A checkpoint that is saved meanwhile moves the step, with the value kept before. So send this value again.
    for (let base: number | undefined; base !== place.base; ) {
      while (this.#session.isMoving) await this.#session.moving;
      base = place.base;
      const { call: _, ...key } = keyOf(place);
      await this.#session.link.call("attempt/keep", { ...key, value: fromJson(text) });
      while (this.#session.isMoving) await this.#session.moving;
    }
  };

  readonly safePoint = async (): Promise<void> => {
    const { calls } = this.#session;
    if (calls.isHeld) await calls.pass(this.#info.flight);
  };

  readonly suspend = (options: SuspendOptions): Promise<never> =>
    suspendAt(this.#session, this.#info.flight, options);
}
