import type { Schedule } from "../core/recurring.ts";

/** The part of the store that keeps schedules. */
export interface Schedules {
  /** Keeps a new schedule; false, having changed nothing, where the name is taken. */
  add(schedule: Schedule): Promise<boolean>;
  get(name: string): Promise<Schedule | undefined>;
  /** All, by name. */
  list(): Promise<Schedule[]>;
  /** Those whose time has come. */
  due(now: number): Promise<Schedule[]>;
  /** When the next is due; null where none is. */
  nextAt(): Promise<number | null>;
  /** Changes these fields; false where there is no such schedule. */
  update(name: string, patch: Partial<Pick<Schedule, "paused" | "nextAt" | "fireAt">>): Promise<boolean>;
  /**
   * Notes what became of a planned run, and when the next one is. One that was paused meanwhile gets no next time, and
   * another one that was added under its name meanwhile is left alone.
   */
  moveOn(
    schedule: Pick<Schedule, "name" | "createdAt">,
    next: Pick<Schedule, "nextAt" | "fireAt">,
    last?: Partial<Pick<Schedule, "lastAt" | "lastTask" | "lastError">>,
  ): Promise<boolean>;
  remove(name: string): Promise<boolean>;
}
