import { AgentctlError } from "../../../core/errors.ts";
import type { Task } from "../../../core/task.ts";
import type { Patch } from "../../../store/store.ts";

/** For a resumed coding agent: the message that it gets, and how much more it may use. */
export interface ExtraBudget {
  message?: string;
  addCost?: number;
  addTokens?: number;
  addTurns?: number;
}

const budgets = [
  ["addCost", "maxCost"],
  ["addTokens", "maxTokens"],
  ["addTurns", "maxTurns"],
] as const;

/** Returns the raised limits of a coding agent. Throws if the task has no such limit, or is not an agent. */
export function raiseLimits(task: Task, options: ExtraBudget): Patch {
  const { id, state, kind } = task;
  const requested = [...budgets.map(([add]) => add), "message" as const].find(
    (name) => options[name] !== undefined,
  );
  if (requested === undefined) return {};
  if (kind !== "agent") {
    const reason = `task ${id} runs a ${kind}: ${optionOf(requested)} is for coding agents`;
    throw new AgentctlError("UnsupportedOperation", { id, state, reason });
  }
  const raised = budgets.flatMap(([add, max]): [keyof Patch, number][] => {
    const extra = options[add];
    if (extra === undefined) return [];
    const limit = task[max];
    if (limit !== null) return [[max, limit + extra]];
    const reason = `task ${id} has no limit that ${optionOf(add)} could raise`;
    throw new AgentctlError("UnsupportedOperation", { id, state, reason });
  });
  return Object.fromEntries(raised);
}

function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
