/**
 * Small stories, each of which passes the fault points that it lists. A story is told so that it comes to the same end
 * wherever its daemon dies; how it must have gone beyond what the checker holds stands in the story itself.
 */
import type { FaultPoint, WriteName } from "../../../src/core/faults.ts";
import type { World } from "../world.ts";

export interface Scenario {
  points: FaultPoint[];
  /** The faults of the daemons before the one that is to die at the point; by default that is the first. */
  first?: (FaultPoint | undefined)[];
  settings?: Record<string, unknown>;
  play: (world: World) => Promise<void>;
}

export const around = (...names: WriteName[]): FaultPoint[] =>
  names.flatMap((name): FaultPoint[] => [`${name}:before-commit`, `${name}:after-commit`]);

/** A pause that is asked for until it is there. */
export const pause = (params: object = {}) => ({
  method: "tasks/pause",
  params: { graceMs: 5_000, ...params },
});
export const resume = (params: object = {}) => ({ method: "tasks/resume", params });
export const cancel = { method: "tasks/cancel", params: { graceMs: 1_000 } };
