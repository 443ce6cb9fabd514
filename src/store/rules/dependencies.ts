import { isTerminal, type State } from "../../core/machine.ts";
import type { Dependency } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import type { Change } from "../store.ts";

/** What keeps a task from starting: the tasks of `after` that are open, and the first that ended in a wrong state. */
export interface DependencyStatus {
  blockedBy: number | null;
  open: number[];
  broken: { dependency: Dependency; state: State } | null;
}

/** Returns how a task stands with its dependencies. A deleted one was met, or its dependent has ended. */
export function dependencyStatus(
  after: readonly Dependency[],
  stateOf: (id: number) => State | undefined,
): DependencyStatus {
  const states = after.map((dependency) => ({ dependency, state: stateOf(dependency.id) }));
  const open = states.filter(({ state }) => state !== undefined && !isTerminal(state));
  const broken = states.find(({ dependency, state }) => isBroken(dependency, state));
  return {
    blockedBy: open[0]?.dependency.id ?? null,
    open: open.map(({ dependency }) => dependency.id),
    broken: broken ? { dependency: broken.dependency, state: broken.state as State } : null,
  };
}

function isBroken({ when }: Dependency, state: State | undefined): boolean {
  if (state === undefined || !isTerminal(state)) return false;
  return when !== "ended" && state !== when;
}

/** The change that ends a task, because a dependency can no longer end in the required state. */
export function endOfDependent(
  { id }: Task,
  { dependency, state }: NonNullable<DependencyStatus["broken"]>,
  at: number,
): Change {
  const dependencyId = dependency.id;
  const requiresFailure = dependency.when === "failed";
  const message = `task ${dependencyId}, ${requiresFailure ? "which was to fail first" : "which it comes after"}, is ${state}`;
  const error = {
    name: requiresFailure ? "Canceled" : "DependencyFailed",
    code: null,
    message,
    data: { on: dependencyId, state },
  };
  const transition = requiresFailure ? "cancel" : "refuse";
  return {
    id,
    transition,
    at,
    cause: "dependency",
    actor: "daemon",
    data: { on: dependencyId },
    set: { error },
  };
}
