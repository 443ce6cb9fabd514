/** Pseudo-random numbers that are the same for the same seed: mulberry32, by Tommy Ettinger, public domain. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Returns an integer from `low` to `high`, both included. */
  within(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Returns one element of the list; undefined if the list is empty. */
  oneOf<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)];
  }

  /** Returns one of the names, each with a probability by its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries.at(-1) as [K, number])[0];
  }

  /** Returns another sequence, for a caller that draws numbers concurrently. */
  fork(): Chance {
    return new Chance(Math.floor(this.next() * 4294967296));
  }
}

/** Returns AGENTCTL_SEED or a new seed. Prints it, so that the run can be repeated. */
export function seedOf(what: string): number {
  const given = process.env.AGENTCTL_SEED;
  const seed = given ? Number(given) : Math.floor(performance.timeOrigin + performance.now()) % 1_000_000_007;
  process.stderr.write(`${what}: AGENTCTL_SEED=${seed}\n`);
  return seed;
}
