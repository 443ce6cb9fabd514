import type { TaskFunction } from "./api.ts";

/** Registered by name, so that a second copy of this package marks in the same way. */
const mark = Symbol.for("agentctl.task");

/** What `defineTask` gives; a task module exports it as its default. */
export interface TaskDefinition<Input = unknown, Output = unknown, Checkpoint = unknown> {
  readonly run: TaskFunction<Input, Output, Checkpoint>;
}

/** Marks `run` as a task; throws a TypeError for what is no function. */
export function defineTask<Input = unknown, Output = unknown, Checkpoint = unknown>(
  run: TaskFunction<Input, Output, Checkpoint>,
): TaskDefinition<Input, Output, Checkpoint> {
  if (typeof run !== "function")
    throw new TypeError("defineTask takes a function: defineTask(async (task, input) => …)");
  return Object.freeze({ run, [mark]: true });
}

/** The definition that `value` is, whichever copy of the package made it. @internal */
export function asDefinition(value: unknown): TaskDefinition | undefined {
  const isDefinition = typeof value === "object" && value !== null && mark in value && "run" in value;
  return isDefinition ? (value as TaskDefinition) : undefined;
}
