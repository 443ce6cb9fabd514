/** Options of pueue, task-spooler, docker, gh, systemctl and journalctl, and our options that mean the same. */
import { nearest } from "../../protocol/nearest.ts";
import { type Command, longName } from "./define.ts";
import { usage } from "./usage.ts";

/** Our long names for each option; the first one that the command has is meant. */
const equivalents: Readonly<Record<string, readonly string[]>> = {
  "-g": ["queue", "grep"],
  "--group": ["queue"],
  "--failed-in-group": ["failed"],
  "--all-failed": ["failed"],
  "--stashed": ["hold"],
  "-o": ["priority", "format"],
  "-s": ["until", "state"],
  "--working-directory": ["cwd"],
  "--workdir": ["cwd"],
  "--chdir": ["cwd"],
  "--tail": ["lines", "limit"],
  "--last": ["limit"],
  "-L": ["limit", "label"],
  "--no-block": ["no-wait"],
  "--status": ["until", "state"],
  "--filter": ["state", "label"],
  "--jq": ["format"],
  "--template": ["format"],
  "--output": ["format"],
  "--time": ["grace"],
  "-t": ["grace"],
  "--parallel": ["slots"],
  "-p": ["priority", "slots"],
  "--restart": ["retries"],
};

const KILLED =
  "agentctl cancel --grace 0s <tasks> kills at once; without it TERM comes first, KILL after 10s";

/** What to do instead, by command and option. */
const advice: Readonly<Record<string, string>> = {
  "cancel -9": KILLED,
  "cancel -15": KILLED,
  "cancel -s": KILLED,
  "cancel --signal": KILLED,
  "cancel -KILL": KILLED,
  "cancel -SIGKILL": KILLED,
  "cancel -f": KILLED,
  "cancel --force": KILLED,
  "run -d": "run does not wait for the task; --delay <duration> starts it later",
  "run --detach": "run does not wait for the task, and prints its id",
  "run --rm": "agentctl delete <id> deletes an ended task; each goes by itself after 30 days",
  "run -i": "--stdin - keeps what is piped in for the task",
  "run --print-task-id": "run always prints the id",
  "run --immediate": "it waits for a slot of its queue: --queue <queue> names one that has one free",
  "run -a": "--after <id>",
  "run -s": "--hold",
  "delete -f": "agentctl cancel <tasks> ends them; only ended ones can be deleted",
  "delete -s": "--state completed",
  "delete --successful-only": "--state completed",
  "delete --volumes": "their files are deleted with them",
  "list --failed": "--state failed",
  "list --quiet": "--format '{id}'",
  "list --no-trunc": "what is piped on is not cut: agentctl list | cat",
  "pause -w": "agentctl queue hold <queue> starts nothing more, and what runs goes on",
  "pause --wait": "agentctl queue hold <queue> starts nothing more, and what runs goes on",
  "rerun --in-place": "a rerun is a new task; the old one stays",
  "rerun -i": "a rerun is a new task; the old one stays",
  "logs -u": "agentctl logs <tasks>",
  "logs --unit": "agentctl logs <tasks>",
  "logs --full": "agentctl logs prints everything; -n <n> only the last lines",
  "wait --exit-status": "wait with one id ends with the exit code of the task",
  "show --log": "agentctl logs <id>",
  "show --log-failed": "agentctl logs <id>",
  "show -w": "agentctl ui",
  "show --web": "agentctl ui",
  "list -w": "agentctl ui",
  "list --web": "agentctl ui",
};

/** Returns the error for an option that the command does not have. */
export function unknownOption(spec: Command, title: string, word: string): Error {
  const flag = word.replace(/=.*/s, "");
  const key = `${title.replace(/^agentctl /, "")} ${flag}`;
  const message = `unknown option '${flag}'`;
  if (Object.hasOwn(advice, key)) return usage(message, { hint: advice[key] as string });
  const options = Object.values(spec.options);
  const equivalent = (Object.hasOwn(equivalents, flag) ? (equivalents[flag] ?? []) : []).flatMap((long) =>
    options.filter((each) => longName(each) === long),
  )[0];
  if (equivalent) return usage(`${message}; here it is ${equivalent.flags}`, { hint: `${title} --help` });
  const names = [...options.map((each) => `--${longName(each)}`), ...COMMON];
  const suggestions = flag.startsWith("--") ? nearest(flag, names) : [];
  const guess = suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`;
  return usage(`${message}${guess}`, { hint: `${title} --help` });
}

const COMMON = ["--json", "--color", "--host", "--context", "--help"];
