import { fitted } from "../text/table.ts";
import type { Size } from "./watch-state.ts";

/** Every key. */
const keyHelp: readonly (readonly [keys: string, does: string])[] = [
  ["Up Down", "the row before or after; in a log, a line"],
  ["PgUp PgDn", "a page"],
  ["Home End", "the first or the last; End follows a log again"],
  ["Enter", "the log of the task, all attempts; in queues, the tasks of the queue"],
  ["Tab", "the next pane: tasks, queues, log"],
  ["p", "pause the task"],
  ["r", "resume the task"],
  ["c c", "cancel the task"],
  ["h", "hold or release the task, in queues the queue"],
  ["a", "answer the question of the task"],
  ["/", "filter: words in id, name, program, queue, state, label"],
  ["s", "sort: by urgency, id, newest, task, queue, time it ran"],
  ["?", "this help"],
  ["Esc", "leave help, filter, answer and log"],
  ["q Ctrl-C", "quit; the tasks continue"],
];

const WIDTH = Math.max(...keyHelp.map(([keys]) => keys.length)) + 2;

/** The help in the place of the panes. */
export function helpLines({ columns }: Size): string[] {
  return [
    ...keyHelp.map(([keys, does]) => `  ${keys.padEnd(WIDTH)}${does}`),
    "",
    "  ! marks a task that waits for a person",
  ].map((line) => fitted(line, columns));
}
