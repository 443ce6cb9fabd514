/** The pages of docs/ as `agentctl help <topic>` prints them. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { terminalText } from "../text/markdown.ts";

/** The folder beside the bundle, as npm installs it, or beside the sources. */
const folder = join(
  import.meta.dirname,
  basename(import.meta.dirname) === "dist" ? ".." : "../../..",
  "docs",
);

/** The pages to read first, in this order; the others follow. */
const LEADING_TOPICS = [
  "quick-start",
  "pausing",
  "writing-a-task",
  "any-language",
  "queues-and-schedules",
  "other-machines",
];

/** Returns the names of all topics; none if the pages were not installed. */
export function topics(): string[] {
  const names = pages();
  return [
    ...LEADING_TOPICS.filter((name) => names.includes(name)),
    ...names.filter((name) => !LEADING_TOPICS.includes(name)),
  ];
}

/** Returns the page of a topic, for this width; `word` is its name or a word of it. Undefined if there is none. */
export function topic(word: string, columns: number): string | undefined {
  const names = pages();
  const name = names.find((each) => each === word) ?? names.find((each) => each.split("-").includes(word));
  return name === undefined
    ? undefined
    : terminalText(readFileSync(join(folder, `${name}.md`), "utf8"), columns);
}

function pages(): string[] {
  try {
    return readdirSync(folder).flatMap((name) => (name.endsWith(".md") ? name.slice(0, -".md".length) : []));
  } catch {
    return [];
  }
}
