import { states as every, type State } from "../../core/machine.ts";

/** How many ended tasks completion offers: the newest. */
const MAX_ENDED = 50;

/** The fields of a task from which the awk program makes its lines. */
const FORMAT = "{id}\\t{name}\\t{state}\\t{held}\\t{argv.0}{module.path}";

/** Prints two lines for a task whose name needs no quotes: `12<tab>working, make`, `build<tab>working, make (12)`. */
const LINES = `which == "any" || $4 == "true" {
  if ($2 ~ /^[A-Za-z0-9_.:@%+-]+$/) print $2 "\\t" $3 ", " $5 " (" $1 ")"
  print $1 "\\t" $3 ", " $5
}`;

/**
 * Returns the options of `list` for these states. For all states it returns none: `list` shows open and recent tasks.
 */
export function stateOptions(states: readonly State[]): string {
  if (states.length === every.length) return "";
  const isEnded = !states.includes("working") && states.includes("completed");
  return `${states.map((state) => `--state ${state}`).join(" ")}${isEnded ? ` --limit ${MAX_ENDED}` : ""}`;
}

/** Returns the awk command that makes those lines from `agentctl list`; `which` is `any` or `held`. */
export const awkTasks = (which: string): string => `awk -F '\\t' -v which=${which} '${LINES}'`;
export const listTasks = `list --format '${FORMAT}'`;
