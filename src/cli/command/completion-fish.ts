/** The script for fish, in which each candidate is a line of its own with the condition under which it stands. */
import type { Entry, Offer } from "./completion-entry.ts";
import { awkTasks, listTasks, statesOf } from "./completion-tasks.ts";

export function fish(entries: readonly Entry[]): string {
  const lines = [
    "# Whether these are the first words.",
    "function __agentctl_at",
    "  set -l words (commandline -opc)",
    "  set -l last (math 1 + (count $argv))",
    '  test "$words[2..$last]" = "$argv"',
    "end",
    "function __agentctl_ask",
    "  set -l home $AGENTCTL_HOME",
    '  test -n "$home"; or set home $HOME/.agentctl',
    "  test -S $home/agentctl.sock; and agentctl $argv --color never 2>/dev/null </dev/null",
    "end",
    "function __agentctl_listed",
    "  __agentctl_ask $argv | awk 'NR > 1 { print $1 }'",
    "end",
    "# The first operand of a command of two words.",
    "function __agentctl_of_task",
    "  set -l words (commandline -opc)",
    "  set -l operands (string match -v -- '-*' $words[3..-1])",
    "  string match -qr '^(artifact|checkpoint)$' -- $words[2]; and set operands $operands[2..-1]",
    '  test -n "$operands[1]"; and __agentctl_listed $argv $operands[1]',
    "end",
    "function __agentctl_tasks",
    `  __agentctl_ask ${listTasks} $argv[2..-1] | ${awkTasks("$argv[1]")}`,
    "end",
  ];
  for (const entry of entries) lines.push(...linesOf(entry));
  return `${lines.join("\n")}\n`;
}

function linesOf({ path, summary, options, operands }: Entry): string[] {
  const [first = "", second] = path.split(" ");
  const place = second
    ? `__agentctl_at ${first}; and test (count (commandline -opc)) -eq 2`
    : "__fish_use_subcommand";
  const isHere = `__agentctl_at ${path}`;
  const lines = [`complete -c agentctl -f -n '${place}' -a ${second ?? first} -d ${quoted(summary)}`];
  for (const { long, short, about, offer } of options) {
    const letter = short ? ` -s ${short}` : "";
    lines.push(
      `complete -c agentctl -n '${isHere}' -l ${long}${letter}${valuePlace(offer)} -d ${quoted(about)}`,
    );
  }
  const candidates = [...new Set(operands.map(candidatesOf))].filter(
    (each) => each !== null && each !== "''",
  );
  const isPlain = operands.every((offer) => offer !== "files");
  if (isPlain) lines.push(`complete -c agentctl -f -n '${isHere}'`);
  for (const each of candidates) lines.push(`complete -c agentctl -f -n '${isHere}' -a ${each}`);
  return lines;
}

function valuePlace(offer: Offer | null): string {
  if (offer === null) return "";
  const candidates = candidatesOf(offer);
  return candidates === null ? " -r" : ` -x -a ${candidates}`;
}

/** Null where files may stand. */
function candidatesOf(offer: Offer): string | null {
  if (offer === "files") return null;
  if ("words" in offer) return quoted(offer.words.join(" "));
  if ("listed" in offer)
    return `'(${offer.ofTask ? "__agentctl_of_task" : "__agentctl_listed"} ${offer.listed})'`;
  return `'(__agentctl_tasks ${offer.isHeld ? "held" : "any"} ${statesOf(offer.tasks)})'`;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
