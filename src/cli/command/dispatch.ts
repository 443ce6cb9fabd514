import type { Environment } from "../../client/environment.ts";
import { sshLine } from "../../client/host.ts";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Clock } from "../../core/time.ts";
import { requireHome } from "../../home/own-home.ts";
import { didYouMean, nearest } from "../../protocol/nearest.ts";
import { refuseUndecodable, refuseUndecodableDirectory } from "../input/byte-exact.ts";
import { reportFailure } from "../text/failure.ts";
import { Output } from "../text/output.ts";
import { type ChosenHome, chooseHome, localHome } from "./choose-home.ts";
import type { Context } from "./context.ts";
import { type Command, type Group, Refusal, type Table } from "./define.ts";
import { equivalentOf, translateVerb } from "./foreign-verbs.ts";
import { parse, wantsJson } from "./parse.ts";
import { usage, withOptionNames } from "./usage.ts";
import { aliases, aliasesOf, verb, verbNames } from "./verbs.ts";

const table: Table = { verbNames, verb, aliasesOf };

/** What the process gives to the command line, as main.ts passes it in. */
export interface ProcessContext {
  env: Environment;
  directory: () => string;
  /** Makes this process use that directory as the home, as if AGENTCTL_HOME named it. */
  useHome: (home: string) => void;
  clock: Clock;
  stdin: () => NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

/** What the typed words mean: a text to print, or a command with its words. */
type Target = { kind: "text"; text: string } | TypedCommand;

interface TypedCommand {
  kind: "command";
  command: Command;
  title: string;
  name: string;
  words: string[];
}

/** Runs what the words say and resolves with the exit code. Prints a failure itself. */
export async function dispatch(argv: readonly string[], caller: ProcessContext): Promise<number> {
  const { out, code } = await execute(argv, caller);
  return await out.exitCode(code);
}

async function execute(
  argv: readonly string[],
  caller: ProcessContext,
): Promise<{ out: Output; code: number }> {
  let out: Output | undefined;
  const { stdout, stderr, env } = caller;
  let home = localHome(env);
  let current: Command | undefined;
  try {
    refuseUndecodable(argv);
    const { leading, words } = split(argv, stdout.isTTY);
    const target = await targetOf(words, columnsOf(stdout));
    if (target.kind === "text") {
      out = new Output({ stdout, stderr, env, json: false, color: "auto" });
      out.line(target.text.trimEnd());
      return { out, code: 0 };
    }
    const { command, title } = target;
    current = command;
    const place = {
      env,
      get cwd() {
        return directoryOf(caller);
      },
    };
    const parsed = await parse(command, title, [...leading, ...target.words], place);
    if (parsed.help) {
      out = new Output({ stdout, stderr, env, json: false, color: "auto" });
      const { helpOf } = await import("./commander.ts");
      out.line(helpOf(command, title, aliasesOf(target.name), columnsOf(stdout)).trimEnd());
      return { out, code: 0 };
    }
    out = new Output({ stdout, stderr, env, json: parsed.json, color: parsed.color });
    if (!command.isHomeless && !command.ignoresTarget) home = chooseHome(env, parsed);
    prepare(home, target, caller);
    const { host, paths } = home;
    const reads = command.reads ?? false;
    const { stdin, clock } = caller;
    const context: Context = Object.assign(place, { host, reads, stdin, paths, clock, command, table, out });
    return { out, code: await command.run(context, parsed.args, parsed.options as never, parsed.isMarked) };
  } catch (error) {
    out ??= new Output({ stdout, stderr, env, json: wantsJson(argv), color: "auto" });
    // Commands parse operands with the same functions as options, so both throw Refusal.
    const failure = error instanceof Refusal ? usage(error.message) : asAgentctlError(error);
    const refusal = current ? withOptionNames(current, failure) : failure;
    return { out, code: await reportFailure(refusal, out, home) };
  }
}

/** Returns the words without the options that name a host. */
function withoutHost(words: readonly string[]): string[] {
  const isValue = (at: number) => /^--(host|context)$/.test(words[at - 1] ?? "");
  return words.filter((word, at) => !/^--(host|context)(=|$)/.test(word) && !isValue(at));
}

/** Throws if the command cannot work with the chosen home; otherwise prepares the process for that home. */
function prepare(
  { host, paths, home }: ChosenHome,
  { command: { isHomeless, isLocal }, title, words }: TypedCommand,
  caller: ProcessContext,
): void {
  if (host && isLocal) {
    const line = sshLine(host, [...title.split(" ").slice(1), ...withoutHost(words)]);
    const reason = `${title} works on the files of a home, and that of ${host.text} is not here`;
    const hint = line ?? `${title}, with AGENTCTL_HOME, where that home is`;
    throw new AgentctlError("UnsupportedOperation", { reason, hint, host: host.text });
  }
  if (host || isHomeless) return;
  requireHome(paths);
  if (home !== null) caller.useHome(home);
}

/**
 * Splits off the common options before the verb. The default verb is `list` on a terminal or with options, else `help`.
 */
function split(argv: readonly string[], isTerminal: boolean): { leading: string[]; words: string[] } {
  const leading: string[] = [];
  const words = [...argv];
  for (let word = words[0]; word !== undefined; word = words[0]) {
    if (word !== "--json" && !/^--(color|host|context)(=|$)/.test(word)) break;
    leading.push(...words.splice(0, word === "--json" || word.includes("=") ? 1 : 2));
  }
  if (words.length === 0) words.push(isTerminal || leading.length > 0 ? "list" : "help");
  return { leading, words };
}

async function targetOf(typed: string[], columns: number): Promise<Target> {
  const [first = "help", ...rest] = translateVerb(typed);
  if (first === "--version" || first === "-V") return { kind: "text", text: __VERSION__ };
  if (first === "help" || first === "--help" || first === "-h") {
    if (rest.length > 0) return await helpFor(rest, columns);
    const { overview } = await import("./overview.ts");
    return { kind: "text", text: await overview(columns) };
  }
  const found = await verb(first);
  if (!found) throw await unknownVerb(first, rest);
  if ("commands" in found) return await inGroup(found, rest, columns);
  return { kind: "command", command: found, title: `agentctl ${found.name}`, name: found.name, words: rest };
}

async function inGroup(group: Group, words: string[], columns: number): Promise<Target> {
  const title = `agentctl ${group.name}`;
  const [name, ...rest] = words;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const { helpOfGroup } = await import("./commander.ts");
    return { kind: "text", text: helpOfGroup(group, title, aliasesOf, columns) };
  }
  const command =
    group.commands.find((each) => each.name === name) ??
    group.commands.find((each) => aliasesOf(`${group.name} ${each.name}`).includes(name));
  if (!command) {
    const names = group.commands.map((each) => each.name);
    throw unknown(name, title, names, equivalentOf(`${group.name} ${name}`));
  }
  const path = `${group.name} ${command.name}`;
  return { kind: "command", command, title: `agentctl ${path}`, name: path, words: rest };
}

async function helpFor(operands: string[], columns: number): Promise<Target> {
  const words = translateVerb([...operands, "--help"]);
  const [word = ""] = words;
  if (equivalentOf(word) !== undefined) throw unknown(word, "agentctl", [], equivalentOf(word));
  if (!(await verb(word))) {
    const { topic, topics } = await import("./topics.ts");
    const text = topic(word, columns);
    if (text !== undefined) return { kind: "text", text };
    if (!word.startsWith("-")) throw unknownHelp(word, [...verbNames, ...Object.keys(aliases), ...topics()]);
  }
  return await targetOf([...words.slice(0, 2).filter((word) => !word.startsWith("-")), "--help"], columns);
}

function unknownHelp(word: string, names: readonly string[]): Error {
  const [suggestion] = nearest(word, names);
  return usage(`there is no command and no topic ${JSON.stringify(word)}${didYouMean(word, names)}`, {
    hint: suggestion ? `agentctl help ${suggestion}` : "agentctl help",
  });
}

/** Returns the error for an unknown verb. If a group has a command of this name, suggests that, not a similar verb. */
async function unknownVerb(word: string, rest: readonly string[]): Promise<Error> {
  const groups = await Promise.all(verbNames.map(async (name) => await verb(name)));
  const commands = groups.flatMap((group) =>
    group && "commands" in group && group.commands.some(({ name }) => name === word)
      ? `agentctl ${group.name} ${word}`
      : [],
  );
  const equivalent = equivalentOf(word, rest);
  if (commands.length === 0 || equivalent !== undefined)
    return unknown(word, "agentctl", [...verbNames, ...Object.keys(aliases), "help"], equivalent);
  return usage(`there is no command ${JSON.stringify(word)}`, { hint: commands.join(", or ") });
}

function unknown(word: string, title: string, names: readonly string[], equivalent?: string): Error {
  if (equivalent !== undefined)
    return usage(`${title} has no command ${JSON.stringify(word)}; this does the same here:`, {
      hint: equivalent,
    });
  if (word.startsWith("-"))
    return usage(`there is no option ${word} here; options come after the command`, {
      hint: `${title} --help`,
    });
  const [suggestion] = nearest(word, names);
  return usage(`there is no command ${JSON.stringify(word)}${didYouMean(word, names)}`, {
    hint: suggestion ? `${title} ${suggestion} --help` : `${title} --help`,
  });
}

function columnsOf(stream: NodeJS.WriteStream): number {
  return Math.min(stream.isTTY ? stream.columns || 80 : 80, 110);
}

/** Returns the current directory. Only commands that need it ask for it, so all others work in a deleted one. */
function directoryOf({ directory }: ProcessContext): string {
  try {
    const path = directory();
    refuseUndecodableDirectory(path);
    return path;
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw usage("the current directory does not exist any more", {
      hint: "cd to another one, or --cwd <directory>",
    });
  }
}
