import type { StepKey } from "../core/task.ts";
import type { JournalEntry } from "../protocol/methods.ts";

/**
 * Where each call of a module stands, and what earlier attempts left there.
 *
 * A call is known by kind, name and n, the number of calls of that kind and name before it, counted when it is called.
 * Counting begins at a base: 0 is the module's top, any other the number of the checkpoint that it continues from.
 * `call` counts all calls since the base; with it, a history that was strictly one after the other tells when the code
 * has changed under it.
 */
export interface Place extends StepKey {
  /** The number of this call, counted from `base`. */
  call: number;
  /** Nothing else was in flight since it was called. */
  alone: boolean;
}

/**
 * How the module continues, undecided until its first step or its first look at the checkpoint: `top` runs again from
 * its top, `checkpoint` from the value saved last.
 */
export type Style = "undecided" | "top" | "checkpoint";

/** The module called something else than the journal has at this place. */
export class Mismatch extends Error {
  override readonly name = "JournalMismatch";
  readonly data: { expected: string; found: string; call: number };

  constructor(expected: string, found: string, call: number) {
    super(
      `the journal has ${expected} where the module calls ${found}, as call ${call + 1}${call === 0 ? "" : ` after the same ${call}`}`,
    );
    this.data = { expected, found, call };
  }
}

export class Journal {
  readonly #entries: readonly JournalEntry[];
  readonly #counts = new Map<string, number>();
  #byKey = new Map<string, JournalEntry>();
  #byCall = new Map<number, JournalEntry>();
  /** The calls before this one are all journaled, and each was alone. */
  #strictUntil = 0;
  #lastCall = -1;
  #calls = 0;
  #style: Style = "undecided";
  #base = 0;
  /** Journaled calls since the base that were not asked for yet. */
  readonly #unclaimed = new Set<JournalEntry>();

  /** `base` is that of the checkpoint from which the attempt starts; a module that runs from its top has base 0. */
  constructor(entries: readonly JournalEntry[], base: number) {
    this.#entries = entries;
    this.#countFrom(base);
  }

  get base(): number {
    return this.#base;
  }

  get style(): Style {
    return this.#style;
  }

  /** The first decision holds. */
  decide(style: "top" | "checkpoint"): void {
    if (this.#style !== "undecided") return;
    this.#style = style;
    if (style === "top") this.#countFrom(0);
  }

  /**
   * Whether a journaled call is still to come: fewer calls were made than up to the last journaled one. What is saved
   * here was saved by an earlier attempt. Of a module that continues from its checkpoint that is not known: it may call
   * set-up steps that ran before the checkpoint.
   */
  get isReplaying(): boolean {
    if (this.#style === "checkpoint") return false;
    if (this.#style === "undecided" && this.#entries.some(({ base }) => base === 0)) return true;
    return this.#calls <= this.#lastCall;
  }

  /** Steps acknowledged since the checkpoint from which the module continues that it has not asked for. */
  get unclaimed(): JournalEntry[] {
    return this.#style === "checkpoint" ? [...this.#unclaimed].filter(({ kind }) => kind === "step") : [];
  }

  /** Counts a call; throws {@link Mismatch} when the journal no longer fits the code of a module that runs from its top. */
  place(kind: StepKey["kind"], name: string): Place {
    this.decide("top");
    const place = { ...this.#count(kind, name), alone: true };
    if (this.#style === "checkpoint") return place;
    const there = this.#byCall.get(place.call);
    if (there && place.call < this.#strictUntil && identity(there) !== identity(place))
      throw new Mismatch(described(there), described(place), place.call);
    return place;
  }

  /** What an earlier attempt journaled for this call. */
  find(place: Place): JournalEntry | undefined {
    const entry = this.#byKey.get(keyOf(place));
    if (entry) this.#unclaimed.delete(entry);
    return entry;
  }

  /** Where calls in flight, in their order, will stand after a checkpoint that is about to be saved: their n. */
  static numbersAfterSave(inFlight: readonly Place[]): number[] {
    const counts = new Map<string, number>();
    return inFlight.map((place) => {
      const n = counts.get(identity(place)) ?? 0;
      counts.set(identity(place), n + 1);
      return n;
    });
  }

  /** Counts again from the checkpoint `base`; `inFlight`, in the order of their calls, come first after it. */
  rebase(base: number, inFlight: readonly Place[]): void {
    this.#countFrom(base);
    for (const place of inFlight) Object.assign(place, this.#count(place.kind, place.name), { alone: false });
  }

  #count(kind: StepKey["kind"], name: string): Omit<Place, "alone"> {
    const counted = identity({ kind, name });
    const n = this.#counts.get(counted) ?? 0;
    this.#counts.set(counted, n + 1);
    return { kind, name, n, base: this.#base, call: this.#calls++ };
  }

  #countFrom(base: number): void {
    const own = this.#entries.filter((entry) => entry.base === base);
    this.#base = base;
    this.#calls = 0;
    this.#counts.clear();
    this.#byKey = new Map(own.map((entry) => [keyOf(entry), entry]));
    this.#unclaimed.clear();
    for (const entry of own) this.#unclaimed.add(entry);
    this.#byCall = new Map(own.map((entry) => [entry.call, entry]));
    this.#lastCall = own.reduce((last, { call }) => Math.max(last, call), -1);
    this.#strictUntil = 0;
    while (this.#byCall.get(this.#strictUntil)?.alone) this.#strictUntil++;
  }
}

/** Only steps are told apart by a name of their own. */
function identity({ kind, name }: { kind: string; name: string }): string {
  return kind === "step" ? `step ${name}` : kind;
}

function keyOf(key: { kind: string; name: string; n: number }): string {
  return `${key.n} ${identity(key)}`;
}

function described({ kind, name, n }: { kind: string; name: string; n: number }): string {
  const what = kind === "step" ? `step ${JSON.stringify(name)}` : kind;
  return n === 0 ? what : `${what} (n ${n})`;
}
