import type { StepKey } from "../core/task.ts";
import type { JournalEntry } from "../protocol/methods.ts";

/**
 * The place of a call in the journal.
 *
 * A call is identified by its kind, its name and `n`, the number of calls of that kind and name made before it.
 * Counting starts at a base: 0 is the module's top, any other base is the number of the checkpoint that the module
 * continues from. `call` counts all calls since the base. As long as the journaled calls were strictly sequential, a
 * call that differs from the journal shows that the code has changed.
 */
export interface Place extends StepKey {
  /** The number of this call, counted from `base`. */
  call: number;
  /** Whether no other call has been in flight at the same time. */
  alone: boolean;
}

/**
 * How the module continues: `top` runs again from its top, `checkpoint` continues from the last saved value. It is
 * undecided until the module makes its first journaled call or first reads the checkpoint.
 */
export type Style = "undecided" | "top" | "checkpoint";

/** The module made another call than the journal has at this place. */
export class Mismatch extends Error {
  override readonly name = "JournalMismatch";
  readonly data: { expected: string; found: string; call: number };

  constructor(expected: string, found: string, call: number) {
    super(
      `call ${call + 1} differs from the journal: the journal has ${expected}, the module calls ${found}`,
    );
    this.data = { expected, found, call };
  }
}

export class Journal {
  readonly #entries: readonly JournalEntry[];
  readonly #counts = new Map<string, number>();
  #byKey = new Map<string, JournalEntry>();
  #byCall = new Map<number, JournalEntry>();
  /** All calls before this number are journaled, and each of them was alone. */
  #strictUntil = 0;
  #lastCall = -1;
  #calls = 0;
  #style: Style = "undecided";
  #base = 0;
  /** Journaled calls since the base that the module has not made again yet. */
  readonly #unclaimed = new Set<JournalEntry>();

  /** `base` is the base of the checkpoint that the attempt starts from, or 0 for a module that runs from its top. */
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

  /** Sets the style. Only the first decision counts. */
  decide(style: "top" | "checkpoint"): void {
    if (this.#style !== "undecided") return;
    this.#style = style;
    if (style === "top") this.#countFrom(0);
  }

  /**
   * Whether the module has not yet passed its last journaled call. A save at this point repeats one of an earlier
   * attempt. Always false for a module that continues from its checkpoint. There it cannot be known, because the module
   * may call set-up steps that ran before the checkpoint.
   */
  get isReplaying(): boolean {
    if (this.#style === "checkpoint") return false;
    if (this.#style === "undecided" && this.#entries.some(({ base }) => base === 0)) return true;
    return this.#calls <= this.#lastCall;
  }

  /** Steps acknowledged after the checkpoint that the module continues from, and that it has not called again. */
  get unclaimed(): JournalEntry[] {
    return this.#style === "checkpoint" ? [...this.#unclaimed].filter(({ kind }) => kind === "step") : [];
  }

  /** Counts a call. Throws {@link Mismatch} if the module runs from its top and its code no longer fits the journal. */
  place(kind: StepKey["kind"], name: string): Place {
    this.decide("top");
    const place = { ...this.#count(kind, name), alone: true };
    if (this.#style === "checkpoint") return place;
    const recorded = this.#byCall.get(place.call);
    if (recorded && place.call < this.#strictUntil && identity(recorded) !== identity(place))
      throw new Mismatch(describe(recorded), describe(place), place.call);
    return place;
  }

  /** Returns the entry that an earlier attempt journaled for this call. */
  find(place: Place): JournalEntry | undefined {
    const entry = this.#byKey.get(keyOf(place));
    if (entry) this.#unclaimed.delete(entry);
    return entry;
  }

  /** Returns the `n` that each call in flight will have after the checkpoint that is about to be saved. */
  static numbersAfterSave(inFlight: readonly Place[]): number[] {
    const counts = new Map<string, number>();
    return inFlight.map((place) => {
      const n = counts.get(identity(place)) ?? 0;
      counts.set(identity(place), n + 1);
      return n;
    });
  }

  /** Restarts the count at the checkpoint `base`. The calls `inFlight` come first, in the order they were made. */
  rebase(base: number, inFlight: readonly Place[]): void {
    this.#countFrom(base);
    for (const place of inFlight) Object.assign(place, this.#count(place.kind, place.name), { alone: false });
  }

  #count(kind: StepKey["kind"], name: string): Omit<Place, "alone"> {
    const key = identity({ kind, name });
    const n = this.#counts.get(key) ?? 0;
    this.#counts.set(key, n + 1);
    return { kind, name, n, base: this.#base, call: this.#calls++ };
  }

  #countFrom(base: number): void {
    const entries = this.#entries.filter((entry) => entry.base === base);
    this.#base = base;
    this.#calls = 0;
    this.#counts.clear();
    this.#byKey = new Map(entries.map((entry) => [keyOf(entry), entry]));
    this.#unclaimed.clear();
    for (const entry of entries) this.#unclaimed.add(entry);
    this.#byCall = new Map(entries.map((entry) => [entry.call, entry]));
    this.#lastCall = entries.reduce((last, { call }) => Math.max(last, call), -1);
    this.#strictUntil = 0;
    while (this.#byCall.get(this.#strictUntil)?.alone) this.#strictUntil++;
  }
}

/** Only steps have names of their own; all other calls of a kind share one identity. */
function identity({ kind, name }: { kind: string; name: string }): string {
  return kind === "step" ? `step ${name}` : kind;
}

function keyOf(key: { kind: string; name: string; n: number }): string {
  return `${key.n} ${identity(key)}`;
}

function describe({ kind, name, n }: { kind: string; name: string; n: number }): string {
  const text = kind === "step" ? `step ${JSON.stringify(name)}` : kind;
  return n === 0 ? text : `${text} (n ${n})`;
}
