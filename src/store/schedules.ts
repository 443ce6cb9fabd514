import type { Schedule } from "../core/recurring.ts";

/** The part of the store for schedules. */
export interface Schedules {
  /** Stores a new schedule; resolves to false, having changed nothing, if the name is taken. */
  add(schedule: Schedule): Promise<boolean>;
  get(name: string): Promise<Schedule | undefined>;
  /** All schedules, by name. */
  list(): Promise<Schedule[]>;
  /** The schedules that are due. */
  due(now: number): Promise<Schedule[]>;
  /** When the next schedule is due; null if none is. */
  nextAt(): Promise<number | null>;
  /** Changes these fields; resolves to false if there is no such schedule. */
  update(
    name: string,
    patch: Partial<Pick<Schedule, "paused" | "nextAt" | "fireAt" | "lastAt" | "lastTask">>,
  ): Promise<boolean>;
  /**
   * Records the result of a planned run, and when the next run is due. A schedule that was paused meanwhile gets no
   * next time. If another schedule was added under its name meanwhile, that one is left unchanged.
   */
  moveOn(
    schedule: Pick<Schedule, "name" | "createdAt">,
    next: Pick<Schedule, "nextAt" | "fireAt">,
    last?: Partial<Pick<Schedule, "lastAt" | "lastTask" | "lastError">>,
  ): Promise<boolean>;
  remove(name: string): Promise<boolean>;
}
