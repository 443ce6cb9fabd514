import { states as every, type State } from "../../core/machine.ts";

/** So many ended tasks are offered, the newest. */
const MOST_ENDED = 50;

/** The fields of a task from which its lines are made. */
const FORMAT = "{id}\\t{name}\\t{state}\\t{held}\\t{argv.0}{module.path}";

/** Two lines for a task with a name that needs no quotes: `12<tab>working, make` and `build<tab>working, make (12)`. */
const LINES = `which == "any" || $4 == "true" {
  if ($2 ~ /^[A-Za-z0-9_.:@%+-]+$/) print $2 "\\t" $3 ", " $5 " (" $1 ")"
  print $1 "\\t" $3 ", " $5
}`;

/** The options of `list` for tasks in these states; all of them are the open ones and the last that ended. */
export function statesOf(states: readonly State[]): string {
  if (states.length === every.length) return "";
  const isEnded = !states.includes("working") && states.includes("completed");
  return `${states.map((state) => `--state ${state}`).join(" ")}${isEnded ? ` --limit ${MOST_ENDED}` : ""}`;
}

/** What prints those lines, for a pipe from `agentctl list`; `which` is `any` or `held`. */
export const awkTasks = (which: string): string => `awk -F '\\t' -v which=${which} '${LINES}'`;
export const listTasks = `list --format '${FORMAT}'`;
