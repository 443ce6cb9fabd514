import { isTerminal, type State } from "../../core/machine.ts";
import type { Dependency } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import type { Change } from "../store.ts";

/** What stands between a task and its start: the first of `after` that is open, or the first that came to something else. */
export interface Standing {
  blockedBy: number | null;
  open: number[];
  broken: { dependency: Dependency; state: State } | null;
}

/** How a task stands with the tasks that it comes after. One that is deleted ended as it was to, or its dependent ended. */
export function standing(after: readonly Dependency[], stateOf: (id: number) => State | undefined): Standing {
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

/** The end of a task whose dependency can no longer come to what it has to. */
export function endOfDependent(
  { id }: Task,
  { dependency, state }: NonNullable<Standing["broken"]>,
  at: number,
): Change {
  const on = dependency.id;
  const isOfFailure = dependency.when === "failed";
  const message = `task ${on}, ${isOfFailure ? "after whose failure it comes" : "which it comes after"}, is ${state}`;
  const error = {
    name: isOfFailure ? "Canceled" : "DependencyFailed",
    code: null,
    message,
    data: { on, state },
  };
  const transition = isOfFailure ? "cancel" : "refuse";
  return { id, transition, at, cause: "dependency", actor: "daemon", data: { on }, set: { error } };
}
