/** After so many brief steps in a row the next one is expected to be brief, whatever its name. */
const RUN = 8;

/** Which steps are brief, as far as those before them tell. */
export class Briefness {
  readonly #byName = new Map<string, boolean>();
  #run = 0;

  /** What the last step of this name was; of a new name, what all the latest were. */
  expects(name: string): boolean {
    return this.#byName.get(name) ?? this.#run >= RUN;
  }

  learn(name: string, wasBrief: boolean): void {
    this.#byName.set(name, wasBrief);
    this.#run = wasBrief ? this.#run + 1 : 0;
  }
}
