import { fitted } from "../text/table.ts";
import { wrap } from "../text/wrap.ts";

/** All keys. */
const keyHelp: readonly (readonly [keys: string, effect: string])[] = [
  ["Up Down", "the row before or after; in a log, a line"],
  ["PgUp PgDn", "a page"],
  ["Home End", "the first or the last; End follows a log again"],
  ["Enter", "the log of the task, all attempts; in queues, its tasks"],
  ["Tab", "the next pane: tasks, queues, log"],
  ["p", "pause the task"],
  ["r", "resume the task"],
  ["c c", "cancel the task"],
  ["h", "hold or release the task, in queues the queue"],
  ["a", "answer the question of the task"],
  ["/", "filter: words in id, name, program, queue, state, label"],
  ["/ n N", "in a log: search; the older match, the newer one"],
  ["s", "sort: by urgency, id, newest, task, queue, time it ran"],
  ["?", "this help"],
  ["Esc", "leave help, filter, search, answer and log"],
  ["q Ctrl-C", "quit; the tasks continue"],
];

const WIDTH = Math.max(...keyHelp.map(([keys]) => keys.length)) + 2;

const INDENT = 2 + WIDTH;
const MARK = "! marks a task that waits for a person";

/** Returns the help. Its texts wrap if the screen has lines for all of them; otherwise they are cut. */
export function helpLines(columns: number, rows: number): string[] {
  const whole = [
    ...keyHelp.flatMap(([keys, effect]) => {
      const [first = "", ...rest] = wrap(effect, columns - INDENT);
      return [`  ${keys.padEnd(WIDTH)}${first}`, ...rest.map((line) => `${" ".repeat(INDENT)}${line}`)];
    }),
    "",
    ...wrap(MARK, columns - 2).map((line) => `  ${line}`),
  ];
  if (whole.length <= rows) return whole.map((line) => fitted(line, columns));
  const cut = keyHelp.map(([keys, effect]) => `  ${keys.padEnd(WIDTH)}${effect}`);
  return [...cut, "", `  ${MARK}`].map((line) => fitted(line, columns));
}
