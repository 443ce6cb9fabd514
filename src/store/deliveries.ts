/** What hooks are still to be told: the part of the store that the telling room uses. */
export interface Deliveries {
  /** Keeps these hooks, by key, and drops what waits for any other; a hook that was not there begins after the newest event. */
  keep(keys: readonly string[]): Promise<void>;
  states(): Promise<HookState[]>;
  /** Records what hooks are to be told, and that events up to `upTo` were looked at; all or none. */
  queue(deliveries: readonly NewDelivery[], upTo: number): Promise<void>;
  /** What is due for a hook: of each task the oldest that was not told, so a task's events arrive in order. */
  due(hook: string, now: number, limit: number): Promise<Delivery[]>;
  /** When the next delivery is due, or null. */
  nextAt(): Promise<number | null>;
  settle(id: number, told: Told): Promise<void>;
}

/** What a hook is to be told of one event. */
export interface NewDelivery {
  hook: string;
  seq: number;
  task: number;
  /** The same at every try, so that a receiver can tell repeats. */
  message: string;
  body: string;
  at: number;
}

export interface Delivery extends Omit<NewDelivery, "at"> {
  id: number;
  tries: number;
  firstAt: number;
}

/** The end of one try: told (`error` null), to be tried `again` at a time, or given up. */
export interface Told {
  at: number;
  error: string | null;
  again: number | null;
}

/** How far a hook is. */
export interface HookState {
  key: string;
  /** The number of the last event that was looked at for it. */
  after: number;
  waiting: number;
  told: number;
  givenUp: number;
  lastAt: number | null;
  /** Why the last try failed; null when it did not. */
  lastError: string | null;
}
