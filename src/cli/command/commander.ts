import { Argument, Command as Commander, Option } from "commander";
import { colorChoices } from "../text/output.ts";
import type { Command, Group, OptionSpec } from "./define.ts";

/** The options that every command takes. */
export const commonOptions: readonly { flags: string; about: string }[] = [
  { flags: "--json", about: "print JSON" },
  { flags: "--color <when>", about: `colours: ${colorChoices.join(", ")}` },
  { flags: "--host <host>", about: "another machine: ssh://[user@]box, or unix:///socket" },
  { flags: "--context <name>", about: "a name that agentctl context add has given" },
  { flags: "-h, --help", about: "print this help" },
];

/** The parser of one command; it prints nothing and ends nothing, but throws. */
export function buildCommander(spec: Command, title: string): Commander {
  const parser = new Commander(title)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .helpOption(false)
    .allowExcessArguments(true)
    .summary(spec.summary)
    .description(spec.notes ? `${sentence(spec.summary)}\n\n${spec.notes}` : sentence(spec.summary));
  for (const option of Object.values(spec.options)) parser.addOption(optionOf(option));
  for (const { flags, about } of commonOptions) parser.addOption(new Option(flags, about));
  return parser;
}

function optionOf(option: OptionSpec<unknown>): Option {
  const built = new Option(option.flags, option.about);
  if (option.isMany) built.argParser((text, before: string[] | undefined) => [...(before ?? []), text]);
  return built;
}

/** A command's help, for a terminal of so many columns. */
export function helpOf(spec: Command, title: string, aliases: readonly string[], columns: number): string {
  const parser = buildCommander(spec, title);
  for (const [name, about] of spec.args) parser.addArgument(new Argument(name, about));
  for (const alias of aliases) parser.alias(alias);
  parser.configureHelp({
    helpWidth: columns,
    commandUsage: () => [title, "[options]", ...spec.args.map(([name]) => name)].join(" "),
  });
  return `${parser.helpInformation().trimEnd()}\n${aliasLines(aliases)}${exampleLines(spec.examples)}`;
}

/** So many examples tell what the commands of a group are for; each command's own help has more. */
const MOST_OF_GROUP = 6;

/** The help of commands under one name, with the first example of each. */
export function helpOfGroup(
  group: Group,
  title: string,
  aliasesOf: (path: string) => readonly string[],
  columns: number,
): string {
  const terms = new Map<string, string>();
  const parser = new Commander(title).description(sentence(group.summary)).helpOption(false);
  const subcommandTerm = (each: Commander) => terms.get(each.name()) ?? each.name();
  parser.configureHelp({ helpWidth: columns, subcommandTerm }).helpCommand(false);
  for (const each of group.commands) {
    const operands = each.args.map(([name]) => name).join(" ");
    const names = [each.name, ...aliasesOf(`${group.name} ${each.name}`)].join(", ");
    terms.set(each.name, `${names} ${operands}`.trimEnd());
    parser.command(each.name).summary(each.summary).helpOption(false);
  }
  const examples = group.commands.flatMap((each) => each.examples.slice(0, 1)).slice(0, MOST_OF_GROUP);
  return `${parser.helpInformation().trimEnd()}\n${exampleLines(examples)}\n${title} <command> --help says more about one.\n`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function aliasLines(aliases: readonly string[]): string {
  return aliases.length === 0 ? "" : `\nAlso: ${aliases.join(", ")}\n`;
}

function exampleLines(examples: Command["examples"]): string {
  const lines = examples.map(([line, does]) => `  agentctl ${line}\n      ${does}\n`);
  return `\nExamples:\n${lines.join("")}`;
}
