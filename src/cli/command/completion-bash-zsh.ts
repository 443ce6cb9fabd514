/**
 * The scripts for bash and zsh. Both find the candidates with the same functions, in the syntax that the two shells
 * share. `_agentctl_candidates` prints a line for each candidate: the candidate, a tab, and its description.
 */
import type { Entry, Offer, OptionEntry } from "./completion-entry.ts";
import { awkTasks, listTasks, stateOptions } from "./completion-tasks.ts";

/** Returns the script for bash. It offers each candidate that begins with the typed word. */
export function bash(entries: readonly Entry[]): string {
  return `${candidates(entries)}_agentctl() {
  local word prefix= line at=1
  local -a typed
  # bash takes --queue=nightly for three words, where = breaks words.
  while [ "$at" -le "$COMP_CWORD" ]; do
    word=\${COMP_WORDS[at]}
    if [ "$word" = = ] && [ "\${#typed[@]}" -gt 0 ]; then
      typed[\${#typed[@]}-1]+==
      if [ "$at" -lt "$COMP_CWORD" ]; then at=$((at + 1)); typed[\${#typed[@]}-1]+=\${COMP_WORDS[at]}; fi
    else
      typed+=("$word")
    fi
    at=$((at + 1))
  done
  word=\${COMP_WORDS[COMP_CWORD]}
  case $word in
    =) word= ;;
    --*=*) prefix=\${word%%=*}= word=\${word#*=} ;;
  esac
  COMPREPLY=()
  line=$(_agentctl_candidates "\${typed[@]}")
  case $? in
    0)
      while IFS= read -r line; do
        line=\${line%%$'\\t'*}
        [[ -n $line && $line == "$word"* ]] && COMPREPLY+=("$prefix$line")
      done <<<"$line"
      ;;
    2)
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do
        [ -z "$line" ] || COMPREPLY+=("$line")
      done <<<"$(compgen -c -- "$word" | sort -u; compgen -f -- "$word")"
      ;;
    *) compopt -o default 2>/dev/null ;;
  esac
}
complete -F _agentctl agentctl
`;
}

/** Returns the script for zsh. Loaded from fpath, the script itself runs at the first Tab, so it must complete then. */
export function zsh(entries: readonly Entry[]): string {
  return `#compdef agentctl
${candidates(entries)}_agentctl() {
  local found line
  local -a values described
  found=$(_agentctl_candidates "\${(@)words[2,CURRENT]}")
  case $? in
    0) ;;
    2) _alternative 'commands:program:_command_names -e' 'files:file:_files'; return ;;
    *) _files; return ;;
  esac
  [[ \${words[CURRENT]} == --*=* ]] && compset -P '*='
  for line in "\${(@f)found}"; do
    [[ -n $line ]] || continue
    values+=("\${line%%$'\\t'*}")
    described+=("\${line/$'\\t'/  -- }")
  done
  (( $#values )) && compadd -l -d described -a values
}
if [ "\${funcstack[1]}" = _agentctl ]; then
  _agentctl "$@"
elif (( \${+functions[compdef]} )); then
  compdef _agentctl agentctl
fi
`;
}

function candidates(entries: readonly Entry[]): string {
  const groups = entries.filter(({ isGroup }) => isGroup);
  const top = entries.filter(({ path }) => !path.includes(" "));
  const commands = (list: readonly Entry[]) =>
    list.map(({ path, summary }) => [path.split(" ").at(-1) ?? "", summary]);
  const firstWords = top.flatMap(({ path, aliases, summary }) =>
    [path, ...aliases].map((word) => [word, summary] as const),
  );
  const otherWords = top
    .map(({ path, aliases, shortcuts }) => ({ path, words: [...aliases, ...shortcuts] }))
    .filter(({ words }) => words.length > 0)
    .map(({ path, words }) => `    ${words.join("|")}) verb=${path} ;;`);
  const otherPaths = entries
    .filter(({ path, shortcuts }) => path.includes(" ") && shortcuts.length > 0)
    .map(({ path, shortcuts }) => {
      const [group = ""] = path.split(" ");
      return `    ${shortcuts.map((word) => `"${group} ${word}"`).join("|")}) verb="${path}" ;;`;
    });
  const subcommands = groups.map(({ path }) => {
    const members = entries.filter((each) => each.path.startsWith(`${path} `));
    return `    ${path}) ${printfLine(commands(members))} ;;`;
  });
  const options = entries
    .filter((each) => each.options.length > 0)
    .map(
      (each) =>
        `    "${each.path}") ${printfLine(each.options.map(({ long, about }) => [`--${long}`, about]))} ;;`,
    );
  return `_agentctl_subcommands() {
  case $1 in
${subcommands.join("\n")}
    *) return 1 ;;
  esac
}
_agentctl_options() {
  case $1 in
${options.join("\n")}
  esac
}
# Whether an option has a value.
_agentctl_takes() {
  case $1 in
    ${valuePatterns(entries).join("|")}) return 0 ;;
    *) return 1 ;;
  esac
}
# Contexts are known without a daemon.
_agentctl_ask() {
  [ "$1" = context ] || [ -S "\${AGENTCTL_HOME:-$HOME/.agentctl}/agentctl.sock" ] || return 0
  agentctl "$@" --color never 2>/dev/null </dev/null
}
# $1 is held or any; what follows selects by state.
_agentctl_tasks() {
  local which=$1
  shift
  _agentctl_ask ${listTasks} "$@" | ${awkTasks('"$which"')}
}
_agentctl_listed() { _agentctl_ask "$@" | awk 'NR > 1 { print ($1 == "*" ? $2 : $1) }'; }
# Words behind those that are typed, with commas between them.
_agentctl_list() {
  local typed=$1 each
  shift
  case $typed in
    *,*) typed=\${typed%,*}, ;;
    *) typed= ;;
  esac
  for each in "$@"; do printf '%s\\n' "$typed$each"; done
}
# Whether a program stands in a place, or behind the mark.
_agentctl_program() {
  case $1 in
    ${programPlaces(entries).join("|")}) return 0 ;;
    *) return 1 ;;
  esac
}
# What may stand in a place; $2 is the first operand, $3 what is typed. Fails with 1 where files may, with 2 where programs may.
_agentctl_offer() {
  case $1 in
${offerCases(entries).join("\n")}
    *) return 1 ;;
  esac
}
_agentctl_candidates() {
  local verb=$1 before= task= place=0 word
  if [ $# -le 1 ]; then
    ${printfLine(firstWords)}
    return
  fi
  shift
  case $verb in
${otherWords.join("\n")}
  esac
  if _agentctl_subcommands "$verb" >/dev/null; then
    if [ $# -le 1 ]; then
      _agentctl_subcommands "$verb"
      return
    fi
    verb="$verb $1"
    shift
    case $verb in
${otherPaths.join("\n")}
    esac
  fi
  while [ $# -gt 1 ]; do
    word=$1
    shift
    if [ "$word" = -- ] && _agentctl_program "$verb --"; then
      [ $# -gt 1 ] && return 1
      return 2
    fi
    if [ -n "$before" ]; then
      before=
      continue
    fi
    case $word in
      --*=*) ;;
      -?*) _agentctl_takes "$verb $word" && before=$word ;;
      *)
        place=$((place + 1))
        [ -n "$task" ] || task=$word
        # What follows a program is its own; a task module takes options.
        case $word in
          *.[jt]s | *.[cm][jt]s | *.[jt]sx) ;;
          *) _agentctl_program "$verb $place" && return 1 ;;
        esac
        ;;
    esac
  done
  word=$1
  case $word in
    --*=*) [ -n "$before" ] || before=\${word%%=*} ;;
  esac
  if [ -n "$before" ]; then
    case $word in
      --*=*) word=\${word#*=} ;;
    esac
    _agentctl_offer "$verb $before" "$task" "$word"
    return
  fi
  case $word in
    -*) _agentctl_options "$verb" ;;
    *) _agentctl_offer "$verb $place" "$task" ;;
  esac
}
`;
}

function printfLine(lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return ":";
  return `printf '%s\\n' ${lines.map((line) => quote(line.filter(Boolean).join("\t"))).join(" ")}`;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const namesOf = ({ long, short }: OptionEntry) => [`--${long}`, ...(short ? [`-${short}`] : [])];

/** Returns shell patterns for the options that take a value, such as `pause --mode`. */
function valuePatterns(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ path, options }) =>
    options.flatMap((option) => (option.offer ? namesOf(option).map((name) => `"${path} ${name}"`) : [])),
  );
}

/** Returns the places of programs: `run 1` is the first operand, `edit --` is what follows `--`. */
function programPlaces(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ path, program, takesMarkedProgram }) => [
    ...(program === undefined ? [] : [`"${path} ${program + 1}"`]),
    ...(takesMarkedProgram ? [`"${path} --"`] : []),
  ]);
}

/** Returns the cases of `_agentctl_offer`. `pause 0` is the first operand, `pause --mode` an option's value. */
function offerCases(entries: readonly Entry[]): string[] {
  const places = new Map<string, string[]>();
  const fallbacks = new Map<string, string[]>();
  const add = (cases: typeof places, offer: Offer, place: string) => {
    const command = commandFor(offer);
    cases.set(command, [...(cases.get(command) ?? []), place]);
  };
  for (const { path, options, operands, isMany, isGroup } of entries) {
    if (isGroup) continue;
    for (const [index, offer] of operands.entries()) add(places, offer, `"${path} ${index}"`);
    const last = operands.at(-1);
    add(fallbacks, isMany && last ? last : { words: [] }, `"${path} "[0-9]*`);
    for (const option of options)
      for (const name of namesOf(option)) if (option.offer) add(places, option.offer, `"${path} ${name}"`);
  }
  return [...places, ...fallbacks].map(([command, all]) => `    ${all.join("|")}) ${command} ;;`);
}

function commandFor(offer: Offer): string {
  if (offer === "files") return "return 1";
  if (offer === "programs") return "return 2";
  if ("words" in offer && offer.isList) return `_agentctl_list "$3" ${offer.words.join(" ")}`;
  if ("words" in offer) return printfLine(offer.words.map((word) => [word]));
  if ("listCommand" in offer)
    return offer.ofTask
      ? `[ -z "$2" ] || _agentctl_listed ${offer.listCommand} "$2"`
      : `_agentctl_listed ${offer.listCommand}`;
  return `_agentctl_tasks ${offer.isHeld ? "held" : "any"} ${stateOptions(offer.tasks)}`.trimEnd();
}
