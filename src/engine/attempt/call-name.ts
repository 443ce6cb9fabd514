import type { StepKey } from "../../core/task.ts";

/** The key of a call among those of its attempt that are under way. */
export const nameOf = ({ kind, name, n, base }: StepKey) => JSON.stringify([kind, name, n, base]);
