import type { Engine } from "../engine.ts";
import { memoryNow, slotsMax } from "../limits.ts";
import type { Limits } from "./plan.ts";

/** Returns the limits for the plan. */
export function limitsOf(engine: Engine): Limits {
  const memory = memoryNow(engine);
  return { slotsMax: slotsMax(engine), memory: memory && { ...memory, lastActionAt: engine.memoryActionAt } };
}
