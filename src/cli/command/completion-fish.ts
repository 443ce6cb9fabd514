/** The script for fish: a line for each candidate, with the condition under which fish offers it. */
import type { Entry, Offer } from "./completion-entry.ts";
import { awkTasks, listTasks, stateOptions } from "./completion-tasks.ts";

export function fish(entries: readonly Entry[]): string {
  const lines = [
    "# The words so far, with our verb in place of another word for it.",
    "function __agentctl_words",
    "  set -l words (commandline -opc)",
    '  switch "$words[2]"',
    ...entries.flatMap(otherWords),
    "  end",
    '  switch "$words[2..3]"',
    ...entries.flatMap(otherPaths),
    "  end",
    "  printf '%s\\n' $words",
    "end",
    "# Whether these are the first words.",
    "function __agentctl_at",
    "  set -l words (__agentctl_words)",
    "  set -l last (math 1 + (count $argv))",
    '  test "$words[2..$last]" = "$argv"',
    "end",
    "function __agentctl_ask",
    "  set -l home $AGENTCTL_HOME",
    '  test -n "$home"; or set home $HOME/.agentctl',
    '  test "$argv[1]" = context; or test -S $home/agentctl.sock; and agentctl $argv --color never 2>/dev/null </dev/null',
    "end",
    "function __agentctl_listed",
    "  __agentctl_ask $argv | awk 'NR > 1 { print ($1 == \"*\" ? $2 : $1) }'",
    "end",
    "# The options of a command that take a value.",
    "function __agentctl_valued",
    '  switch "$argv"',
    ...entries.flatMap(valuedLines),
    "  end",
    "end",
    "# The operands of a command so far.",
    "function __agentctl_operands",
    "  set -l words (__agentctl_words)",
    "  set -l valued (__agentctl_valued $argv)",
    "  set -l before",
    "  for word in $words[(math 2 + (count $argv))..-1]",
    "    if not string match -q -- '-*' $word; and not contains -- \"$before\" $valued",
    "      echo $word",
    "    end",
    "    set before $word",
    "  end",
    "end",
    "# Whether the operand of this number is typed (-eq), or this one or a later one (-ge).",
    "function __agentctl_place",
    "  test (math 1 + (count (__agentctl_operands $argv[3..-1]))) $argv[1] $argv[2]",
    "end",
    "# Words behind those that are typed, with commas between them.",
    "function __agentctl_list",
    "  set -l typed (string replace -r '^--[^=]*=' '' -- (commandline -ct))",
    "  set typed (string match -r '.*,' -- $typed)",
    "  for word in $argv",
    '    echo "$typed$word"',
    "  end",
    "end",
    "# Whether a program is typed behind the mark of a command.",
    "function __agentctl_marked",
    "  set -l words (__agentctl_words)",
    '  test "$words[-1]" = --',
    "end",
    "# The first operand of a command of one or two words.",
    "function __agentctl_of_task",
    "  set -l words (__agentctl_words)",
    "  set -l last 2",
    "  string match -qr '^(artifact|checkpoint)$' -- $words[2]; and set last 3",
    "  set -l operands (__agentctl_operands $words[2..$last])",
    '  test -n "$operands[1]"; and __agentctl_listed $argv $operands[1]',
    "end",
    "function __agentctl_tasks",
    `  __agentctl_ask ${listTasks} $argv[2..-1] | ${awkTasks("$argv[1]")}`,
    "end",
  ];
  for (const entry of entries) lines.push(...linesOf(entry));
  return `${lines.join("\n")}\n`;
}

function otherPaths({ path, shortcuts }: Entry): string[] {
  const [group, command] = path.split(" ");
  if (command === undefined || shortcuts.length === 0) return [];
  const words = shortcuts.map((word) => `'${group} ${word}'`);
  return [`    case ${words.join(" ")}`, `      set words[3] ${command}`];
}

function otherWords({ path, aliases, shortcuts }: Entry): string[] {
  const words = path.includes(" ") ? [] : [...aliases, ...shortcuts];
  return words.length === 0 ? [] : [`    case ${words.join(" ")}`, `      set words[2] ${path}`];
}

function valuedLines({ path, options }: Entry): string[] {
  const names = options.flatMap(({ long, short, offer }) =>
    offer === null ? [] : [`--${long}`, ...(short ? [`-${short}`] : [])],
  );
  return names.length === 0 ? [] : [`    case '${path}'`, `      printf '%s\\n' ${names.join(" ")}`];
}

function linesOf({
  path,
  aliases,
  summary,
  options,
  operands,
  isMany,
  takesMarkedProgram,
  isGroup,
}: Entry): string[] {
  const [first = "", second] = path.split(" ");
  const place = second
    ? `__agentctl_at ${first}; and test (count (commandline -opc)) -eq 2`
    : "__fish_use_subcommand";
  const condition = `__agentctl_at ${path}`;
  const lines = [second ?? first, ...aliases].map(
    (word) => `complete -c agentctl -f -n '${place}' -a ${word} -d ${quote(summary)}`,
  );
  for (const { long, short, about, offer } of options) {
    const letter = short ? ` -s ${short}` : "";
    lines.push(
      `complete -c agentctl -n '${condition}' -l ${long}${letter}${valueFlags(offer)} -d ${quote(about)}`,
    );
  }
  const isPlain =
    operands.every((offer) => offer !== "files" && offer !== "programs") && !takesMarkedProgram && !isGroup;
  if (takesMarkedProgram) {
    lines.push(`complete -c agentctl -f -n '${condition}; and not contains -- -- (commandline -opc)'`);
    lines.push(`complete -c agentctl -n '${condition}; and __agentctl_marked' -a ${PROGRAMS}`);
  }
  if (isPlain) lines.push(`complete -c agentctl -f -n '${condition}'`);
  operands.forEach((offer, index) => {
    const candidates = candidatesOf(offer);
    if (candidates === null || candidates === "''") return;
    const compare = isMany && index === operands.length - 1 ? "-ge" : "-eq";
    const beforeMark = takesMarkedProgram ? "; and not contains -- -- (commandline -opc)" : "";
    const place = `${condition}${beforeMark}; and __agentctl_place ${compare} ${index + 1} ${path}`;
    const files = offer === "programs" ? "" : " -f";
    lines.push(`complete -c agentctl${files} -n '${place}' -a ${candidates}`);
  });
  return lines;
}

function valueFlags(offer: Offer | null): string {
  if (offer === null) return "";
  const candidates = candidatesOf(offer);
  return candidates === null ? " -r" : ` -x -a ${candidates}`;
}

/** Programs on the PATH; fish also offers files. */
const PROGRAMS = "'(__fish_complete_command)'";

/** Returns the candidates as a fish expression; null for files. */
function candidatesOf(offer: Offer): string | null {
  if (offer === "files") return null;
  if (offer === "programs") return PROGRAMS;
  if ("words" in offer && offer.isList) return `'(__agentctl_list ${offer.words.join(" ")})'`;
  if ("words" in offer) return quote(offer.words.join(" "));
  if ("listCommand" in offer)
    return `'(${offer.ofTask ? "__agentctl_of_task" : "__agentctl_listed"} ${offer.listCommand})'`;
  return `'(__agentctl_tasks ${offer.isHeld ? "held" : "any"} ${stateOptions(offer.tasks)})'`;
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
