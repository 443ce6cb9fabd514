/**
 * Verbs of pueue, task-spooler, docker, gh, systemctl and pm2. If one of our verbs means the same, theirs works. If
 * not, the error says which of ours to use.
 */
import { shellLine, throughShell } from "../text/terminal-text.ts";

/** Our words for each of their verbs. */
const shortcuts: Readonly<Record<string, readonly string[]>> = {
  log: ["logs"],
  follow: ["logs", "--follow"],
  clean: ["delete", "--all"],
  stash: ["hold"],
  enqueue: ["release"],
  restart: ["rerun"],
  ps: ["list"],
  stop: ["cancel"],
  remove: ["delete"],
  inspect: ["show", "--json"],
  unpause: ["resume"],
  thaw: ["resume"],
};

const TAIL = "agentctl logs -f <tasks>, agentctl logs -n <n> <tasks>";
const SCHEDULES = "agentctl schedule resume <name>, agentctl schedule pause <name>";
const HOOKS = "agentctl config set hooks '<json>'; agentctl help hooks shows how to write one";

/** The commands that do something similar, for verbs that have no exact match. */
const equivalents: Readonly<Record<string, string>> = {
  // pueue
  add: "agentctl run <program> [args...], or agentctl run sh -c '<line>' for a line of a shell",
  start:
    "agentctl resume <tasks> for paused ones, agentctl release <tasks> for held ones, agentctl daemon start",
  parallel: "agentctl queue set default --slots <n>",
  group: "agentctl queue list, agentctl queue set <name> --slots <n>, agentctl queue remove <name>",
  switch: "agentctl edit <id> --priority <n>",
  reset: "agentctl cancel --all, then agentctl delete --all",
  shutdown: "agentctl daemon stop",
  completions: "agentctl completion <shell>",
  env: "agentctl edit <id> --env <NAME=value>, agentctl resume <id> --env <NAME=value>",
  "format-status": "agentctl list --json, or agentctl list --format '{id}\\t{state}' for chosen fields",
  // docker, and what docker has in common with others
  attach: "agentctl logs --follow <id>",
  exec: "agentctl run <program> [args...]",
  top: "agentctl watch",
  stats: "agentctl watch",
  version: "agentctl --version",
  prune: "agentctl delete --all, agentctl delete --older <duration>",
  rename: "agentctl edit <id> --name <name>",
  update: "agentctl edit <tasks>",
  create: "agentctl run --hold <program> [args...]",
  cp: "agentctl artifact get <id> <name>",
  info: "agentctl daemon status, or agentctl show <id> for a task",
  history: "agentctl list --all, agentctl events",
  // gh
  retry: "agentctl rerun <tasks>, agentctl rerun --failed",
  view: "agentctl show <id>, agentctl logs <tasks>",
  download: "agentctl artifact get <id> <name>",
  workflow: "agentctl schedule list",
  enable: `${SCHEDULES}, agentctl daemon install`,
  disable: `${SCHEDULES}, agentctl daemon uninstall`,
  // systemctl and journalctl
  freeze: "agentctl pause <tasks> --mode freeze",
  "is-active": "agentctl show <id> --format '{state}'",
  "is-failed": "agentctl show <id> --format '{state}'",
  "list-units": "agentctl list",
  "list-jobs": "agentctl list",
  "list-timers": "agentctl schedule list",
  "reset-failed": "agentctl delete --state failed",
  "daemon-reload": "agentctl config reload",
  reload: "agentctl config reload",
  // pm2 and similar words
  describe: "agentctl show <id>",
  monit: "agentctl watch",
  startup: "agentctl daemon install",
  tail: TAIL,
  submit: "agentctl run <program> [args...]",
  suspend: "agentctl pause <tasks>",
  continue: "agentctl resume <tasks>",
  backup:
    "agentctl daemon backup makes one, beside those that the daemon makes by itself; agentctl daemon restore <backup> takes one back",
  // task-spooler, whose verbs are options
  "-l": "agentctl list",
  "-S": "agentctl queue set default --slots <n>",
  "-c": "agentctl logs <id>",
  "-t": TAIL,
  "-o": "agentctl logs <id>",
  "-w": "agentctl wait <id>",
  "-k": "agentctl cancel <id>",
  "-r": "agentctl delete <id>",
  "-C": "agentctl delete --all",
  "-K": "agentctl daemon stop",
  "-u": "agentctl edit <id> --priority <n>",
  "-U": "agentctl edit <id> --priority <n>",
  "-s": "agentctl show <id>",
  "-i": "agentctl show <id>",
  "-p": "agentctl show <id>",
  "-f": "agentctl run -f <program> [args...]",
  "-d": "agentctl run --after <id> <program> [args...]",
  "-D": "agentctl run --after <id> <program> [args...]",
  "-L": "agentctl run --name <name> <program> [args...]",
  "-n": "agentctl run <program> [args...]",
  // words after the name of a group
  "queue pause": "agentctl queue hold <queue>, or agentctl pause --queue <queue> for what runs as well",
  "queue resume": "agentctl queue release <queue>, or agentctl resume --queue <queue> for what is paused",
  "queue parallel": "agentctl queue set <queue> --slots <n>",
  "queue show": "agentctl queue list, agentctl list --queue <queue>",
  "schedule set": "agentctl schedule add --replace <name> '<cron>' <program>",
  "schedule edit": "agentctl schedule add --replace <name> '<cron>' <program>",
  "schedule enable": "agentctl schedule resume <name>",
  "schedule disable": "agentctl schedule pause <name>",
  "hook add": HOOKS,
  "hook set": HOOKS,
  "hook remove": HOOKS,
  "hook rm": HOOKS,
  "hook delete": HOOKS,
  "worktree add": 'agentctl run --agent <name> --worktree "<prompt>"',
  "artifact remove": "agentctl delete <tasks> deletes a task with what it left",
  "checkpoint remove": "agentctl delete <tasks> deletes a task with its checkpoints",
  "machine add": "agentctl cluster join, on that machine",
  "config edit": "agentctl config set <setting> <value>",
  "daemon reload": "agentctl config reload",
  "context switch": "agentctl context use <name>",
};

/** Replaces another program's verb with ours. pueue's `status` without a task is our `list`. */
export function translateVerb(words: readonly string[]): string[] {
  const [first = "", ...rest] = words;
  if (first === "status" && !rest.some((word) => !word.startsWith("-") || word === "--help" || word === "-h"))
    return ["list", ...rest];
  return Object.hasOwn(shortcuts, first) ? [...(shortcuts[first] ?? []), ...rest] : [...words];
}

/** Returns the other programs' words for one of our verbs. */
export function shortcutsOf(verb: string): string[] {
  return Object.keys(shortcuts).filter((word) => shortcuts[word]?.[0] === verb);
}

/** Returns the command to use instead of a verb that we do not have, or instead of an unknown command of a group. */
export function equivalentOf(word: string, rest: readonly string[] = []): string | undefined {
  const program = rest[0] === "--" ? rest.slice(1) : rest;
  if (word === "add" && program[0] !== undefined && !program[0].startsWith("-"))
    return `agentctl run ${shellLine(throughShell(program) ?? program)}`;
  return Object.hasOwn(equivalents, word) ? equivalents[word] : undefined;
}
