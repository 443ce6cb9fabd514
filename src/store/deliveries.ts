/** The part of the store for hooks: the events that are still to be sent to them. */
export interface Deliveries {
  /** Keeps only these hooks, by key, and drops the deliveries of others. A new hook begins after the newest event. */
  keep(keys: readonly string[]): Promise<void>;
  states(): Promise<HookState[]>;
  /** Stores the deliveries, and that events up to `upTo` were checked; all or none. */
  queue(deliveries: readonly NewDelivery[], upTo: number): Promise<void>;
  /** The deliveries due for a hook: for each task only the oldest unsent one, so that its events arrive in order. */
  due(hook: string, now: number, limit: number): Promise<Delivery[]>;
  /** When the next delivery is due, or null. */
  nextAt(): Promise<number | null>;
  settle(id: number, result: DeliveryResult): Promise<void>;
}

/** One event that is to be sent to a hook. */
export interface NewDelivery {
  hook: string;
  seq: number;
  task: number;
  /** The same at every try, so that a receiver can recognise repeats. */
  message: string;
  body: string;
  at: number;
}

export interface Delivery extends Omit<NewDelivery, "at"> {
  id: number;
  tries: number;
  firstAt: number;
}

/** The result of one try: sent (`error` null), to be retried at the time `retryAt`, or given up. */
export interface DeliveryResult {
  at: number;
  error: string | null;
  retryAt: number | null;
}

/** The progress of a hook. */
export interface HookState {
  key: string;
  /** The number of the last event that was checked for it. */
  after: number;
  waiting: number;
  told: number;
  givenUp: number;
  lastAt: number | null;
  /** Why the last try failed; null if it did not. */
  lastError: string | null;
}
