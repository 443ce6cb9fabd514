/**
 * Small stories. Each reaches the fault points that it lists, and comes to the same end wherever its daemon dies. The
 * story itself checks what the checker does not.
 */
import type { FaultPoint, WriteName } from "../../../src/core/faults.ts";
import type { World } from "../world.ts";

export interface Scenario {
  points: FaultPoint[];
  /** The faults of the daemons before the one that dies at the point. Default: the first daemon dies there. */
  first?: (FaultPoint | undefined)[];
  settings?: Record<string, unknown>;
  play: (world: World) => Promise<void>;
}

export const around = (...names: WriteName[]): FaultPoint[] =>
  names.flatMap((name): FaultPoint[] => [`${name}:before-commit`, `${name}:after-commit`]);

/** A pause request, to be repeated until the task is paused. */
export const pause = (params: object = {}) => ({
  method: "tasks/pause",
  params: { graceMs: 5_000, ...params },
});
export const resume = (params: object = {}) => ({ method: "tasks/resume", params });
export const cancel = { method: "tasks/cancel", params: { graceMs: 1_000 } };
