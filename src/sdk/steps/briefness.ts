/** After this many brief steps in a row, a step with a new name is expected to be brief too. */
const MIN_RUN = 8;

/** Predicts which steps are brief from the steps before them. */
export class Briefness {
  readonly #byName = new Map<string, boolean>();
  #runLength = 0;

  /** Whether the last step of this name was brief; for a new name, whether the last {@link MIN_RUN} steps were. */
  expects(name: string): boolean {
    return this.#byName.get(name) ?? this.#runLength >= MIN_RUN;
  }

  learn(name: string, wasBrief: boolean): void {
    this.#byName.set(name, wasBrief);
    this.#runLength = wasBrief ? this.#runLength + 1 : 0;
  }
}
