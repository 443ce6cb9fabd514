import { Argument, Command as Commander, type Help, Option } from "commander";
import { colorChoices } from "../text/output.ts";
import { foldCode, wrap } from "../text/wrap.ts";
import type { Command, Group, OptionSpec } from "./define.ts";

/** The options that every command takes. */
export const commonOptions: readonly { flags: string; about: string }[] = [
  { flags: "--json", about: "print JSON" },
  { flags: "--color <when>", about: `colours: ${colorChoices.join(", ")}` },
  { flags: "--host <host>", about: "another machine: ssh://[user@]box, or unix:///socket" },
  { flags: "--context <name>", about: "a name that agentctl context add has given" },
  { flags: "-h, --help", about: "print this help" },
];

/** Builds the parser of one command. It throws instead of printing or ending the process. */
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
  const result = new Option(option.flags, option.about);
  if (option.isMany) result.argParser((text, previous: string[] | undefined) => [...(previous ?? []), text]);
  return result;
}

/** Returns a command's help, for a terminal of `columns` columns. */
export function helpOf(spec: Command, title: string, aliases: readonly string[], columns: number): string {
  const parser = buildCommander(spec, title);
  for (const [name, about] of spec.args) parser.addArgument(new Argument(name, about));
  for (const alias of aliases) parser.alias(alias);
  const usage = [title, "[options]", ...spec.args.map(([name]) => name)].join(" ");
  parser.configureHelp({
    ...layoutOf(columns),
    commandUsage: () => wrap(usage, columns - "Usage: ".length).join(`\n${" ".repeat("Usage: ".length)}`),
  });
  return `${parser.helpInformation().trimEnd()}\n${aliasLines(aliases)}${exampleLines(spec.examples, columns)}`;
}

/** How many examples the help of a group shows; each command's own help has more. */
const MAX_GROUP_EXAMPLES = 6;

/** Returns the help of a group, with the first example of each command. */
export function helpOfGroup(
  group: Group,
  title: string,
  aliasesOf: (path: string) => readonly string[],
  columns: number,
): string {
  const terms = new Map<string, string>();
  const parser = new Commander(title).description(sentence(group.summary)).helpOption(false);
  const subcommandTerm = (each: Commander) => terms.get(each.name()) ?? each.name();
  parser.configureHelp({ ...layoutOf(columns), subcommandTerm }).helpCommand(false);
  for (const each of group.commands) {
    const operands = each.args.map(([name]) => name).join(" ");
    const names = [each.name, ...aliasesOf(`${group.name} ${each.name}`)].join(", ");
    terms.set(each.name, `${names} ${operands}`.trimEnd());
    parser.command(each.name).summary(each.summary).helpOption(false);
  }
  const examples = group.commands.flatMap((each) => each.examples.slice(0, 1)).slice(0, MAX_GROUP_EXAMPLES);
  const more = wrap(`${title} <command> --help says more about one.`, columns).join("\n");
  return `${parser.helpInformation().trimEnd()}\n${exampleLines(examples, columns)}\n${more}\n`;
}

const INDENT = 2;
const GAP = 2;
/** The least width of the texts beside the terms, on a terminal of 80 columns. */
const MIN_TEXT_WIDTH = 40;

/**
 * Breaks no word, and makes no line longer than the terminal is wide. A text without room beside its term stands below
 * it.
 */
function layoutOf(columns: number): Partial<Help> {
  const maxTermWidth = Math.max(columns - MIN_TEXT_WIDTH, Math.floor(columns / 2)) - INDENT - GAP;
  return {
    helpWidth: columns,
    minWidthToWrap: 1,
    padWidth: (command, helper) => {
      const terms = [
        ...helper.visibleCommands(command).map((each) => helper.subcommandTerm(each)),
        ...helper.visibleOptions(command).map((each) => helper.optionTerm(each)),
        ...helper.visibleArguments(command).map((each) => helper.argumentTerm(each)),
      ];
      return Math.max(0, ...terms.map(({ length }) => length).filter((length) => length <= maxTermWidth));
    },
    formatItem: (term, termWidth, text) => {
      const room = columns - INDENT - termWidth - GAP;
      const hasRoom = text.split(" ").every((word) => word.length <= room);
      const indent = " ".repeat(hasRoom ? INDENT + termWidth + GAP : 3 * INDENT);
      const isSameLine = hasRoom && term.length <= termWidth;
      const lines = wrap(text, columns - indent.length).map((line, index) =>
        index === 0 && isSameLine
          ? `${" ".repeat(INDENT)}${term.padEnd(termWidth + GAP)}${line}`
          : `${indent}${line}`,
      );
      return [...(isSameLine ? [] : [`${" ".repeat(INDENT)}${term}`]), ...lines].join("\n");
    },
  };
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function aliasLines(aliases: readonly string[]): string {
  return aliases.length === 0 ? "" : `\nAlso: ${aliases.join(", ")}\n`;
}

function exampleLines(examples: Command["examples"], columns: number): string {
  const lines = examples.flatMap(([line, effect]) => [
    ...foldCode(`  agentctl ${line}`, columns, true),
    ...wrap(effect, columns - 6).map((each) => `      ${each}`),
  ]);
  return `\nExamples:\n${lines.map((line) => `${line}\n`).join("")}`;
}
