/**
 * Verbs of pueue, task-spooler, docker and pm2: where ours means the same they work, else they say which of ours to use.
 */

/** What each is short for. */
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
};

/** Which command does something like it, where it is not the same. */
const elsewhere: Readonly<Record<string, string>> = {
  add: "agentctl run <program> [args...], or agentctl run sh -c '<line>' for a line of a shell",
  start:
    "agentctl resume <tasks> for paused ones, agentctl release <tasks> for held ones, agentctl daemon start",
  parallel: "agentctl queue set default --slots <n>",
  group: "agentctl queue list, agentctl queue set <name> --slots <n>, agentctl queue remove <name>",
  switch: "agentctl edit <id> --priority <n>",
  reset: "agentctl cancel --all, then agentctl delete --all",
  shutdown: "agentctl daemon stop",
  attach: "agentctl logs --follow <id>",
  exec: "agentctl run <program> [args...]",
  top: "agentctl watch",
  version: "agentctl --version",
  completions: "agentctl completion <shell>",
};

/** The words with ours in place of another program's verb. pueue's status without a task is our list. */
export function inOurWords(words: readonly string[]): string[] {
  const [first = "", ...rest] = words;
  if (first === "status" && !rest.some((word) => !word.startsWith("-") || word === "--help" || word === "-h"))
    return ["list", ...rest];
  return Object.hasOwn(shortcuts, first) ? [...(shortcuts[first] ?? []), ...rest] : [...words];
}

/** The words of other programs that are short for one of our verbs. */
export function shortcutsOf(verb: string): string[] {
  return Object.keys(shortcuts).filter((word) => shortcuts[word]?.[0] === verb);
}

/** The command to use in place of a verb that we do not have. */
export function elsewhereOf(word: string): string | undefined {
  return Object.hasOwn(elsewhere, word) ? elsewhere[word] : undefined;
}
