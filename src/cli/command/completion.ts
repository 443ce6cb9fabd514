/**
 * The completion scripts, made from the table of commands. They ask the running daemon for tasks, queues and the like.
 * They never start a daemon, so they check for its socket first.
 */
import {
  openStates,
  pausableStates,
  type State,
  states,
  terminalStates,
  transitions,
} from "../../core/machine.ts";
import { settings } from "../../core/settings.ts";
import { colorChoices } from "../text/output.ts";
import { commonOptions } from "./commander.ts";
import { bash, zsh } from "./completion-bash-zsh.ts";
import type { Entry, Offer } from "./completion-entry.ts";
import { fish } from "./completion-fish.ts";
import { type Command, letter, longName, type Table } from "./define.ts";
import { shortcutsOf } from "./foreign-verbs.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** Returns the script for one shell. */
export async function completionScript(shell: Shell, table: Table): Promise<string> {
  const entries = await allEntries(table);
  return { bash, zsh, fish }[shell](entries);
}

async function allEntries({ verbNames, verb, aliasesOf }: Table): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of verbNames) {
    const target = await verb(name);
    if (!target) continue;
    if ("commands" in target) {
      const noOperands = { options: [], operands: [], isMany: false, ...noProgram, ...noOtherWords };
      entries.push({ path: name, summary: target.summary, isGroup: true, ...noOperands });
      for (const each of target.commands)
        entries.push(groupEntry(`${name} ${each.name}`, name, each, aliasesOf));
    } else {
      const words = { aliases: aliasesOf(name), shortcuts: shortcutsOf(name) };
      entries.push({ ...entryOf(name, name, target), ...words });
    }
  }
  const { topics } = await import("./topics.ts");
  const words = [...verbNames, ...topics()];
  const help = {
    summary: "help for a command or a topic",
    isGroup: false,
    options: [],
    isMany: false,
    ...noProgram,
  };
  return [...entries, { path: "help", ...help, ...noOtherWords, operands: [{ words }] }];
}

/** Returns the entry for a command of a group. Completion accepts its aliases but does not offer them. */
function groupEntry(path: string, verb: string, spec: Command, aliasesOf: Table["aliasesOf"]): Entry {
  return { ...entryOf(path, verb, spec), aliases: [], shortcuts: aliasesOf(path) };
}

const noProgram = { takesMarkedProgram: false, program: undefined };
const noOtherWords = { aliases: [], shortcuts: [] };

function entryOf(path: string, verb: string, spec: Command): Omit<Entry, keyof typeof noOtherWords> {
  const options = [
    ...Object.values(spec.options),
    ...commonOptions.map((each) => ({ ...each, choices: [] })),
  ];
  return {
    path,
    summary: spec.summary,
    isGroup: false,
    options: options.map(({ flags, about, choices }) => ({
      long: longName({ flags }),
      short: letter({ flags }),
      about,
      offer: choices.length > 0 ? choicesOf(flags, choices) : valueOffer(flags, path),
    })),
    operands: spec.args.map(([operand]) => offerOf(placeholderOf(operand) ?? "", verb, path)),
    takesMarkedProgram: spec.takesMarkedProgram ?? false,
    program: spec.acceptsOptionsAfter
      ? spec.args.findIndex(([operand]) => operand === "<program>")
      : undefined,
    isMany: spec.args.at(-1)?.[0].includes("...") ?? false,
  };
}

function choicesOf(flags: string, words: readonly string[]): Offer {
  return placeholderOf(flags) === "list" ? { words, isList: true } : { words };
}

/** Returns the word in the brackets: `queue` for `--queue <queue>`. */
function placeholderOf(words: string): string | undefined {
  return /[<[]([^\]>.=|]+)/.exec(words)?.[1];
}

/** Returns what completion offers as an option's value; null for an option without one. */
function valueOffer(flags: string, path: string): Offer | null {
  const placeholder = placeholderOf(flags);
  if (placeholder === undefined) return null;
  if (flags.includes("--after")) return { tasks: states };
  if (flags.includes("--context")) return contexts;
  return offerOf(placeholder, "", path);
}

/** Returns what completion offers for a placeholder of the help: `--queue <queue>`, `config get <setting>`. */
function offerOf(placeholder: string, verb: string, path: string): Offer {
  if (placeholder === "tasks" || placeholder === "id") return tasksFor(verb);
  if (placeholder === "name" && path.startsWith("schedule ") && path !== "schedule add")
    return verb === "" ? emptyOffer : { listCommand: "schedule list" };
  if (placeholder === "name" && path.startsWith("context ") && path !== "context add") return contexts;
  if (placeholder === "name" && path === "artifact get")
    return { listCommand: "artifact list", ofTask: true };
  if (placeholder === "n" && path === "hook test") return { listCommand: "hook list" };
  if (placeholder === "n" && path === "checkpoint get")
    return { listCommand: "checkpoint list", ofTask: true };
  return offers[placeholder] ?? emptyOffer;
}

const emptyOffer: Offer = { words: [] };
const contexts: Offer = { listCommand: "context list" };
const offers: Readonly<Record<string, Offer>> = {
  queue: { listCommand: "queue list" },
  checkpoint: { listCommand: "checkpoint list", ofTask: true },
  setting: { words: settings.map(({ name }) => name) },
  shell: { words: ["bash", "zsh", "fish"] },
  state: { words: states },
  when: { words: colorChoices },
  on: { words: ["on", "off"] },
  file: "files",
  program: "programs",
  args: "files",
  backup: "files",
  directory: "files",
  json: "files",
};

/** Returns the tasks to which a command applies. */
function tasksFor(verb: string): Offer {
  const target = applicable[verb];
  return target === "held" ? { tasks: openStates, isHeld: true } : { tasks: target ?? states };
}

const applicable: Readonly<Record<string, readonly State[] | "held">> = {
  pause: pausableStates,
  resume: transitions.resume.from,
  cancel: openStates,
  hold: ["submitted", "resumed", "suspended", "input-required"],
  release: "held",
  edit: openStates,
  answer: transitions.answer.from,
  send: openStates,
  wait: openStates,
  rerun: terminalStates,
  delete: terminalStates,
};
