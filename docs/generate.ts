/**
 * Writes what the documents say about methods, states and commands from the tables in the sources (`npm run docs`). A
 * document holds it between `<!-- generated: <part> -->` and `<!-- end -->`; what stands around is written by hand.
 * test/unit/docs.test.ts fails when a document differs from what this gives.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type * as v from "valibot";
import { commandReference } from "../src/cli/command/reference.ts";
import { openStates, pausableStates, states, transitions, waitingStates } from "../src/core/machine.ts";
import { journalEntry } from "../src/protocol/methods/attempt.ts";
import { methods, notifications } from "../src/protocol/methods.ts";
import * as taskValues from "../src/protocol/task-values.ts";
import * as values from "../src/protocol/values.ts";
import { manual } from "./manual.ts";
import { openrpc } from "./openrpc.ts";
import { definitionText, type Names, typeText } from "./type-text.ts";

const folder = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8"));

/** Objects that methods share, in the order in which the reference explains them. */
const objects: [name: string, schema: v.GenericSchema, about: string][] = [
  ["Task", taskValues.task, "A task. A key that does not apply is null, not absent."],
  [
    "NewTask",
    taskValues.newTask,
    "What `tasks/create` takes and a line of `agentctl batch` holds: `argv` or `module`, the rest is optional.",
  ],
  [
    "Select",
    values.select,
    "The tasks that a selector means. The fields narrow each other; `all` alone means every task.",
  ],
  [
    "Event",
    values.event,
    "One committed change of a task, numbered over all tasks. `from` and `to` are null where the state did not change.",
  ],
  ["Checkpoint", values.checkpoint, "A saved checkpoint, without its bytes."],
  [
    "ListedCheckpoint",
    values.listedCheckpoint,
    "A checkpoint in a list. A superseded one is never chosen by itself.",
  ],
  ["Artifact", values.artifact, "A file that a task left behind; `path` holds it."],
  ["Queue", values.queue, "A queue. `heldBy` is `user` or the selector of the pause that holds it."],
  ["JournalEntry", journalEntry, "One acknowledged call of a task module."],
];

/** Texts and numbers with a meaning of their own. */
const scalars: [name: string, schema: unknown, about: string][] = [
  ["Ref", values.ref, "a task's id (a number), its uuid or its name"],
  ["State", values.state, states.map((state) => `\`${state}\``).join(", ")],
  ["Mode", values.pauseMode, values.pauseMode.options.map((mode) => `\`${mode}\``).join(", ")],
  ["Time", values.iso, "a time in ISO 8601, such as `2026-05-01T18:30:00Z`"],
  ["Ms", values.durationMs, "a duration: a whole number of milliseconds, at most a hundred years"],
  ["LimitMs", values.limitMs, "such a duration of at least a millisecond"],
  ["Signal", values.signal, "a signal's name, with `SIG` before it or without, such as `SIGTERM` or `USR1`"],
  ["Env", values.env, "variables of an environment: names without `=`, values without NUL"],
  ["Labels", values.labels, "at most 64 names of at most 64 characters, with values of at most 256"],
  ["QueueName", values.queueName, "at most 64 characters, without spaces, slashes and control characters"],
];

const names: Names = new Map([
  ...objects.map(([name, schema]) => [schema, name] as const),
  ...scalars.map(([name, schema]) => [schema, name] as const),
]);

/** What stands between the marks, by the name of the part. */
const parts: Record<string, () => string> = {
  states: statesTable,
  transitions: transitionsTable,
  "methods of people": () => methodsOf("people"),
  "methods of attempts": () => methodsOf("attempt"),
  notifications: notificationsText,
  values: valuesText,
};

/** Every generated document as it should be, by its path from docs/. */
export async function generatedDocuments(): Promise<Map<string, string>> {
  const documents = new Map([
    ["commands.md", await commandReference()],
    ["../man/agentctl.1", await manual(version)],
    ["openrpc.json", openrpc(version, Object.fromEntries(objects))],
  ]);
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".md"))) {
    if (documents.has(name)) continue;
    const text = readFileSync(join(folder, name), "utf8");
    if (text.includes("<!-- generated: ")) documents.set(name, withParts(text));
  }
  return documents;
}

function withParts(text: string): string {
  return text.replace(/(<!-- generated: (.+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    const part = parts[name];
    if (!part) throw new Error(`there is no part ${name} to generate`);
    return `${begin}\n${part().trim()}\n\n${end}`;
  });
}

function statesTable(): string {
  const can = (list: readonly string[], state: string) => (list.includes(state) ? "yes" : "");
  const rows = states.map((state) => {
    const targets = Object.values(transitions)
      .filter(({ from }) => (from as readonly string[]).includes(state))
      .map(({ to }) => `\`${to}\``);
    const kind = openStates.includes(state) ? "open" : "terminal";
    const next = [...new Set(targets)].join(", ") || "–";
    return [`\`${state}\``, kind, next, can(pausableStates, state), can(waitingStates, state)];
  });
  return table(["state", "kind", "may become", "can be paused", "waits for a slot"], rows);
}

function transitionsTable(): string {
  const code = (list: readonly string[]) => list.map((state) => `\`${state}\``).join(", ") || "–";
  const rows = Object.values(transitions).map(({ from, to, when }) => [code(from), code([to]), when]);
  return table(["from", "to", "when"], rows);
}

function methodsOf(scope: string): string {
  return Object.entries(methods)
    .filter(([, method]) => method.scope === scope)
    .map(([name, { about, params, result }]) => {
      const types = [`params ${typeText(params, names)}`, `result ${typeText(result, names)}`];
      return `### ${name}\n\n${about}\n\n\`\`\`ts\n${types.join("\n")}\n\`\`\`\n`;
    })
    .join("\n");
}

function notificationsText(): string {
  return Object.entries(notifications)
    .map(([name, { about, params }]) => {
      return `### ${name}\n\n${about}\n\n\`\`\`ts\nparams ${typeText(params, names)}\n\`\`\`\n`;
    })
    .join("\n");
}

function valuesText(): string {
  const shapes = objects.map(
    ([name, schema, about]) =>
      `### ${name}\n\n${about}\n\n\`\`\`ts\n${definitionText(schema, names)}\n\`\`\`\n`,
  );
  return [
    table(
      ["name", "is"],
      scalars.map(([name, , about]) => [`\`${name}\``, about]),
    ),
    ...shapes,
  ].join("\n");
}

function table(titles: string[], rows: string[][]): string {
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

if (process.argv[1] === import.meta.filename) {
  for (const [name, text] of await generatedDocuments()) writeFileSync(join(folder, name), text);
}
