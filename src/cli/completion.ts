/**
 * The completion scripts, made from the table of commands. Ids are asked of the running daemon; none is started
 * for it, so the scripts look for the socket first.
 */
import { commonOptions } from "./commander.ts";
import { type Command, letter, longName, type Table } from "./define.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** One thing that can be typed: `queue set`, its options, and whether ids may follow. */
interface Entry {
  /** `pause` or `queue set`. */
  path: string;
  summary: string;
  options: { long: string; short: string | undefined; about: string; choices: readonly string[] }[];
  takesIds: boolean;
}

/** The script for one shell. */
export async function completionScript(shell: Shell, table: Table): Promise<string> {
  const entries = await allEntries(table);
  if (shell === "fish") return fish(entries);
  const functions = bashFunctions(entries);
  if (shell === "bash") return `${functions}complete -o default -F _agentctl agentctl\n`;
  return `#compdef agentctl\nautoload -U +X bashcompinit && bashcompinit\n${functions}complete -o default -F _agentctl agentctl\n`;
}

async function allEntries({ verbNames, verb, aliasesOf }: Table): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of verbNames) {
    const found = await verb(name);
    if (!found) continue;
    if ("commands" in found) {
      entries.push({ path: name, summary: found.summary, options: [], takesIds: false });
      for (const each of found.commands) entries.push(entryOf(`${name} ${each.name}`, each));
    } else for (const word of [name, ...aliasesOf(name)]) entries.push(entryOf(word, found));
  }
  return entries;
}

function entryOf(path: string, spec: Command): Entry {
  const own = Object.values(spec.options).map((option) => ({
    long: longName(option),
    short: letter(option),
    about: option.about,
    choices: option.choices,
  }));
  const common = commonOptions.map(({ flags, about }) => ({
    long: /--([\w-]+)/.exec(flags)?.[1] ?? "",
    short: /^-(\w),/.exec(flags)?.[1],
    about,
    choices: flags.startsWith("--color") ? ["auto", "always", "never"] : [],
  }));
  const [operand] = spec.args[0] ?? [""];
  return {
    path,
    summary: spec.summary,
    options: [...own, ...common],
    takesIds: /^.(id|tasks)\b/.test(operand),
  };
}

function bashFunctions(entries: readonly Entry[]): string {
  const top = entries.filter(({ path }) => !path.includes(" "));
  const groups = top.filter(({ options }) => options.length === 0);
  const subcommands = groups.map(({ path }) => {
    const names = entries.flatMap((each) =>
      each.path.startsWith(`${path} `) ? [each.path.slice(path.length + 1)] : [],
    );
    return `    ${path}) echo "${names.join(" ")}" ;;`;
  });
  const words = entries
    .filter(({ options }) => options.length > 0)
    .map(
      ({ path, options }) => `    "${path}") echo "${options.map(({ long }) => `--${long}`).join(" ")}" ;;`,
    );
  const choices = new Map(
    entries.flatMap(({ options }) =>
      options
        .filter((option) => option.choices.length > 0)
        .map(({ long, choices: all }) => [long, all.join(" ")] as const),
    ),
  );
  const values = [...choices].map(([long, all]) => `    --${long}) echo "${all}" ;;`);
  const ids = entries.filter(({ takesIds }) => takesIds).map(({ path }) => `"${path}"`);
  return `_agentctl_subcommands() {
  case $1 in
${subcommands.join("\n")}
  esac
}
_agentctl_options() {
  case $1 in
${words.join("\n")}
  esac
}
_agentctl_values() {
  case $1 in
${values.join("\n")}
  esac
}
_agentctl_ids() {
  case $1 in
    ${ids.join("|")})
      [ -S "\${AGENTCTL_HOME:-$HOME/.agentctl}/agentctl.sock" ] || return
      agentctl list --color never 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
  esac
}
_agentctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path=\${COMP_WORDS[1]} words
  local subcommands; subcommands=$(_agentctl_subcommands "$path")
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${top.map(({ path }) => path).join(" ")} help"
  elif [ -n "$subcommands" ] && [ "$COMP_CWORD" -eq 2 ]; then
    words=$subcommands
  else
    [ -n "$subcommands" ] && path="$path \${COMP_WORDS[2]}"
    words=$(_agentctl_values "$before")
    if [ -z "$words" ]; then
      case $current in
        -*) words=$(_agentctl_options "$path") ;;
        *) words=$(_agentctl_ids "$path") ;;
      esac
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
`;
}

function fish(entries: readonly Entry[]): string {
  const lines = [
    "function __agentctl_ids",
    "  set -l home $AGENTCTL_HOME",
    '  test -n "$home"; or set home $HOME/.agentctl',
    "  test -S $home/agentctl.sock; and agentctl list --color never 2>/dev/null | awk 'NR > 1 { print $1 }'",
    "end",
    "complete -c agentctl -f -n __fish_use_subcommand -a help -d 'help for a command'",
  ];
  for (const { path, summary, options, takesIds } of entries) {
    const [first = "", second] = path.split(" ");
    const isHere = second
      ? `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
      : `__fish_seen_subcommand_from ${first}`;
    const place = second ? `__fish_seen_subcommand_from ${first}` : "__fish_use_subcommand";
    lines.push(`complete -c agentctl -f -n '${place}' -a ${second ?? first} -d ${fishQuoted(summary)}`);
    for (const { long, short, about, choices } of options) {
      const letterFlag = short ? ` -s ${short}` : "";
      const all = choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(" "))}` : "";
      lines.push(`complete -c agentctl -n '${isHere}' -l ${long}${letterFlag}${all} -d ${fishQuoted(about)}`);
    }
    if (takesIds) lines.push(`complete -c agentctl -f -n '${isHere}' -a '(__agentctl_ids)'`);
  }
  return `${lines.join("\n")}\n`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
