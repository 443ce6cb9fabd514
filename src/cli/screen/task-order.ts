/** Which tasks `watch` shows, and in which order. */
import { isTerminal } from "../../core/machine.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import { titleOf, workOf } from "../text/task-text.ts";

type Compare = (a: TaskJson, b: TaskJson) => number;

/** Causes of a pause after which only a person can decide how to continue. */
const STUCK_CAUSES: readonly string[] = ["lost", "corrupt", "mismatch"];

/** Returns whether a task stands still until a person does something about it. */
export function needsPerson({ state, pause }: TaskJson): boolean {
  return (
    state === "input-required" ||
    (state === "suspended" && pause !== null && STUCK_CAUSES.includes(pause.cause) && pause.until === null)
  );
}

/** Returns the rank of a task: it needs a person, runs, is paused, waits, or has ended. */
function rank(task: TaskJson): number {
  if (needsPerson(task)) return 0;
  if (task.state === "working") return 1;
  if (task.state === "suspended" || task.state === "resumed") return 2;
  return isTerminal(task.state) ? 4 : 3;
}

const byId: Compare = (a, b) => a.id - b.id;
const byText = (textOf: (task: TaskJson) => string): Compare => {
  const texts = new Map<TaskJson, string>();
  const text = (task: TaskJson) => {
    const cached = texts.get(task) ?? textOf(task);
    texts.set(task, cached);
    return cached;
  };
  return (a, b) => {
    if (text(a) === text(b)) return byId(a, b);
    return text(a) < text(b) ? -1 : 1;
  };
};

function byUrgency(a: TaskJson, b: TaskJson): number {
  const rankDifference = rank(a) - rank(b);
  if (rankDifference !== 0) return rankDifference;
  // Ended tasks: the last one that ended comes first. Waiting tasks: in the order in which they start.
  if (a.endedAt !== null && b.endedAt !== null)
    return Date.parse(b.endedAt) - Date.parse(a.endedAt) || b.id - a.id;
  return rank(a) === 3 ? b.priority - a.priority || byId(a, b) : byId(a, b);
}

/** The orders that `s` cycles through; each function makes the comparison for one sort. */
const orders = {
  urgency: () => byUrgency,
  id: () => byId,
  newest: () => (a: TaskJson, b: TaskJson) => byId(b, a),
  task: () => byText(titleOf),
  queue: () => byText(({ queue }) => queue),
  ran: () => (a: TaskJson, b: TaskJson) => b.runMs - a.runMs || byId(a, b),
} satisfies Record<string, () => Compare>;

export type OrderName = keyof typeof orders;

export const orderNames = Object.keys(orders) as OrderName[];

/** A word of the filter with this prefix is the full name of a queue. */
export const QUEUE_PREFIX = "queue=";

/** Returns the tasks whose texts contain all words of the filter, in this order. */
export function shownTasks(tasks: readonly TaskJson[], filter: string, order: OrderName): TaskJson[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = words.length === 0 ? [...tasks] : tasks.filter((task) => hasAll(task, words));
  return matching.sort(orders[order]());
}

function hasAll(task: TaskJson, words: readonly string[]): boolean {
  const labels = Object.entries(task.labels).map(([key, text]) => `${key}=${text}`);
  const text = [task.id, task.state, titleOf(task), workOf(task), task.queue, ...labels]
    .join("\n")
    .toLowerCase();
  const queue = task.queue.toLowerCase();
  const has = (word: string) =>
    word.startsWith(QUEUE_PREFIX) ? queue === word.slice(QUEUE_PREFIX.length) : text.includes(word);
  return words.every(has);
}
