/**
 * The completion scripts, made from the table of commands. Tasks and queues are asked of the running daemon; none is
 * started for it, so the scripts look for the socket first.
 */
import { states } from "../../core/machine.ts";
import { settings } from "../../core/settings.ts";
import { colorChoices } from "../text/output.ts";
import { commonOptions } from "./commander.ts";
import { type Command, letter, longName, type Table } from "./define.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** What may stand in a place: words, or those that a function of the script finds. */
type Offer = readonly string[] | "tasks" | "queues";

/** By the word that help has in the place: `--queue <queue>`, `config get <setting>`. */
const offers: Readonly<Record<string, Offer>> = {
  id: "tasks",
  tasks: "tasks",
  queue: "queues",
  setting: settings.map(({ name }) => name),
  shell: shells,
  state: states,
  when: colorChoices,
};

interface OptionEntry {
  long: string;
  short: string | undefined;
  about: string;
  /** Null for an option without a value. */
  offer: Offer | null;
}

/** One thing that can be typed: `queue set`, its options, and what may follow. */
interface Entry {
  /** `pause` or `queue set`. */
  path: string;
  summary: string;
  options: OptionEntry[];
  /** What its first operand may be. */
  offer: Offer;
  /** Whether any number of such operands may follow. */
  isMany: boolean;
}

/** The script for one shell. */
export async function completionScript(shell: Shell, table: Table): Promise<string> {
  const entries = await allEntries(table);
  if (shell === "fish") return fish(entries);
  const functions = bashFunctions(entries);
  if (shell === "bash") return `${functions}complete -o default -F _agentctl agentctl\n`;
  return `#compdef agentctl\nautoload -U +X bashcompinit && bashcompinit\n${functions}complete -o default -F _agentctl agentctl\n${ZSH_FIRST_TAB}`;
}

/** Found in fpath, the whole script is the body of the function at the first Tab, which has to complete as well. */
const ZSH_FIRST_TAB = '[ "$funcstack[1]" != _agentctl ] || _bash_complete -o default -F _agentctl\n';

async function allEntries({ verbNames, verb, aliasesOf }: Table): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of verbNames) {
    const found = await verb(name);
    if (!found) continue;
    if ("commands" in found) {
      entries.push({ path: name, summary: found.summary, options: [], offer: [], isMany: false });
      for (const each of found.commands) entries.push(entryOf(`${name} ${each.name}`, each));
    } else for (const word of [name, ...aliasesOf(name)]) entries.push(entryOf(word, found));
  }
  return entries;
}

function entryOf(path: string, spec: Command): Entry {
  const options = [
    ...Object.values(spec.options),
    ...commonOptions.map((each) => ({ ...each, choices: [] })),
  ];
  const [operand = ""] = spec.args[0] ?? [];
  return {
    path,
    summary: spec.summary,
    options: options.map(({ flags, about, choices }) => ({
      long: longName({ flags }),
      short: letter({ flags }),
      about,
      offer: choices.length > 0 ? choices : offerOf(flags),
    })),
    offer: offerOf(operand) ?? [],
    isMany: operand.includes("..."),
  };
}

/** Null where no value stands. */
function offerOf(words: string): Offer | null {
  const [, place] = /[<[]([\w-]+)/.exec(words) ?? [];
  return place === undefined ? null : (offers[place] ?? []);
}

/** In bash and zsh alike, where a variable called path would be the PATH. */
function bashFunctions(entries: readonly Entry[]): string {
  const top = entries.filter(({ path }) => !path.includes(" "));
  const groups = top.filter(({ options }) => options.length === 0);
  const subcommands = groups.map(({ path }) => {
    const names = entries.flatMap((each) =>
      each.path.startsWith(`${path} `) ? [each.path.slice(path.length + 1)] : [],
    );
    return `    ${path}) echo "${names.join(" ")}" ;;`;
  });
  const options = entries
    .filter((each) => each.options.length > 0)
    .map((each) => `    "${each.path}") echo "${each.options.map(({ long }) => `--${long}`).join(" ")}" ;;`);
  return `_agentctl_subcommands() {
  case $1 in
${subcommands.join("\n")}
  esac
}
_agentctl_options() {
  case $1 in
${options.join("\n")}
  esac
}
_agentctl_listed() {
  [ -S "\${AGENTCTL_HOME:-$HOME/.agentctl}/agentctl.sock" ] || return 0
  agentctl "$@" --color never 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'
}
_agentctl_offer() {
  case $1 in
${offerCases(entries).join("\n")}
    *) return 1 ;;
  esac
}
_agentctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]} first=2 prefix= offer
  local subcommands; subcommands=$(_agentctl_subcommands "$verb")
  # bash takes --queue=nightly for three words, zsh for one.
  [ "$before" = = ] && before=\${COMP_WORDS[COMP_CWORD-2]}
  [ "$current" = = ] && before=\${COMP_WORDS[COMP_CWORD-1]} current=
  case $current in
    --*=*) before=\${current%%=*} current=\${current#*=} prefix="$before=" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    offer="${top.map(({ path }) => path).join(" ")} help"
  elif [ -n "$subcommands" ] && [ "$COMP_CWORD" -eq 2 ]; then
    offer=$subcommands
  else
    [ -n "$subcommands" ] && verb="$verb \${COMP_WORDS[2]}" first=3
    if ! offer=$(_agentctl_offer "$verb $before"); then
      case $current in
        -*) offer=$(_agentctl_options "$verb") ;;
        *) [ "$COMP_CWORD" -eq "$first" ] && offer=$(_agentctl_offer "$verb") ||
          offer=$(_agentctl_offer "$verb ...") ;;
      esac
    fi
  fi
  COMPREPLY=($(compgen -P "$prefix" -W "$offer" -- "$current"))
}
`;
}

/** By what can stand there: `pause` its first operand, `pause ...` those that follow, `pause --mode` its value. */
function offerCases(entries: readonly Entry[]): string[] {
  const places = new Map<string, string[]>();
  const put = (offer: Offer, place: string) => {
    const command = finding(offer);
    places.set(command, [...(places.get(command) ?? []), place]);
  };
  for (const { flags } of commonOptions) {
    const offer = offerOf(flags);
    if (offer) put(offer, `*" --${longName({ flags })}"`);
  }
  for (const { path, options, offer, isMany } of entries) {
    if (offer.length > 0) put(offer, `"${path}"`);
    if (isMany) put(offer, `"${path} ..."`);
    for (const option of options) {
      if (option.offer === null || isCommon(option)) continue;
      put(option.offer, `"${path} --${option.long}"`);
      if (option.short) put(option.offer, `"${path} -${option.short}"`);
    }
  }
  return [...places].map(([command, all]) => `    ${all.join("|")}) ${command} ;;`);
}

const isCommon = ({ long }: OptionEntry) => commonOptions.some((common) => longName(common) === long);

function finding(offer: Offer): string {
  if (offer === "tasks") return "_agentctl_listed list";
  if (offer === "queues") return "_agentctl_listed queue list";
  return offer.length === 0 ? ":" : `echo "${offer.join(" ")}"`;
}

function fish(entries: readonly Entry[]): string {
  const lines = [
    "function __agentctl_listed",
    "  set -l home $AGENTCTL_HOME",
    '  test -n "$home"; or set home $HOME/.agentctl',
    "  test -S $home/agentctl.sock; and agentctl $argv --color never 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'",
    "end",
    "complete -c agentctl -f -n __fish_use_subcommand -a help -d 'help for a command'",
  ];
  for (const { path, summary, options, offer } of entries) {
    const [first = "", second] = path.split(" ");
    const isHere = second
      ? `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
      : `__fish_seen_subcommand_from ${first}`;
    const place = second
      ? `__fish_seen_subcommand_from ${first}; and test (count (commandline -opc)) -eq 2`
      : "__fish_use_subcommand";
    lines.push(`complete -c agentctl -f -n '${place}' -a ${second ?? first} -d ${fishQuoted(summary)}`);
    for (const option of options) {
      const letterFlag = option.short ? ` -s ${option.short}` : "";
      const value = fishValue(option.offer);
      lines.push(
        `complete -c agentctl -n '${isHere}' -l ${option.long}${letterFlag}${value} -d ${fishQuoted(option.about)}`,
      );
    }
    if (offer.length > 0) lines.push(`complete -c agentctl -f -n '${isHere}' -a ${fishOffer(offer)}`);
  }
  return `${lines.join("\n")}\n`;
}

function fishValue(offer: Offer | null): string {
  if (offer === null) return "";
  return offer.length > 0 ? ` -x -a ${fishOffer(offer)}` : " -r";
}

function fishOffer(offer: Offer): string {
  if (offer === "tasks") return "'(__agentctl_listed list)'";
  if (offer === "queues") return "'(__agentctl_listed queue list)'";
  return fishQuoted(offer.join(" "));
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
