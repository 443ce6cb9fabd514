import type { TaskFunction } from "./api.ts";

/** A registered symbol, so that a second copy of this package uses the same mark. */
const mark = Symbol.for("agentctl.task");

/** The return value of `defineTask`. A task module exports it as its default. */
export interface TaskDefinition<Input = unknown, Output = unknown, Checkpoint = unknown> {
  readonly run: TaskFunction<Input, Output, Checkpoint>;
}

/** Marks `run` as a task. Throws a TypeError if `run` is not a function. */
export function defineTask<Input = unknown, Output = unknown, Checkpoint = unknown>(
  run: TaskFunction<Input, Output, Checkpoint>,
): TaskDefinition<Input, Output, Checkpoint> {
  if (typeof run !== "function")
    throw new TypeError("defineTask takes a function: defineTask(async (task, input) => …)");
  return Object.freeze({ run, [mark]: true });
}

/** Returns `value` if any copy of this package has defined it as a task, otherwise undefined. @internal */
export function asDefinition(value: unknown): TaskDefinition | undefined {
  const isDefinition = typeof value === "object" && value !== null && mark in value && "run" in value;
  return isDefinition ? (value as TaskDefinition) : undefined;
}
