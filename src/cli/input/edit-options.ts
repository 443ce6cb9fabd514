/** The options of `edit`, which `rerun` takes as well. */
import { toIso } from "../../core/time.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { type ValuesOf, value, values } from "../command/define.ts";
import { duration, pair } from "../command/option-values.ts";
import { usage } from "../command/usage.ts";
import { chosenVariables } from "./caller-environment.ts";
import { fieldsOf } from "./field-options.ts";
import { runOptions } from "./submission.ts";

const { name, queue, slots, priority, afterAny, afterFailed, notBefore } = runOptions;
const { delay, retries, graceMs, cwd, env, acceptMissing, on } = runOptions;

/** What an option takes to remove a value. */
const NONE = "none";

const limit = (text: string) => (text === NONE ? NONE : duration(text));

export const editOptions = {
  ...{ name, queue, slots, priority },
  labels: values("-l, --label <key=value>", "a label; key= takes it away (repeatable)", pair),
  after: values(
    "--after <id|none>",
    "only when this task has completed (repeatable), or after no task",
    String,
  ),
  ...{ afterAny, afterFailed, notBefore, delay, retries },
  timeoutMs: value("--timeout <duration|none>", "fail after this much running time over all attempts", limit),
  ...{ graceMs, on, cwd, env, acceptMissing },
};

export type EditValues = ValuesOf<typeof editOptions>;
export type Edits = Omit<Params<"tasks/edit">, "id" | "actor">;

/** Returns the changes, as `tasks/edit` takes them; `argv` is the program after `--`. */
export function editsOf(context: Context, options: EditValues, argv: string[] | undefined): Edits {
  const { labels, env: variables, delay: delayMs, acceptMissing: isMissingAccepted, ...others } = options;
  const { timeoutMs, ...fields } = others;
  const { after, afterAny, afterFailed } = options;
  const isIndependent = after.includes(NONE);
  if (isIndependent && after.length + afterAny.length + afterFailed.length > 1)
    throw usage("--after none removes all dependencies, so it cannot be beside another one");
  if (delayMs !== undefined && options.notBefore !== undefined)
    throw usage("either --delay or --at, not both");
  const plain = fieldsOf({ ...unset, ...fields }, context);
  const labelChanges = Object.fromEntries(labels.map(([key, value]) => [key, value === "" ? null : value]));
  return {
    ...(plain as Edits),
    ...(isIndependent ? { after: null } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs: timeoutMs === NONE ? null : timeoutMs }),
    ...(labels.length > 0 ? { labels: labelChanges } : {}),
    ...(delayMs === undefined ? {} : { notBefore: toIso(context.clock.now() + delayMs) }),
    ...(variables.length > 0 ? { env: chosenVariables(context, variables) } : {}),
    ...(argv ? { argv } : {}),
    ...(isMissingAccepted ? { acceptMissing: true } : {}),
  };
}

/** The other options of a submission, and those that {@link editsOf} handles, as if they were not given. */
const unset = {
  labels: [],
  timeoutMs: undefined,
  envFile: undefined,
  worktree: undefined,
  stdin: undefined,
  backoffMs: undefined,
  retryOnTimeout: false,
  attemptTimeoutMs: undefined,
  nice: undefined,
  pauseMode: undefined,
  pauseSignal: undefined,
  onLost: undefined,
  on: [],
  key: undefined,
  held: false,
  agent: undefined,
  model: undefined,
  permissions: undefined,
  maxCost: undefined,
  maxTokens: undefined,
  maxTurns: undefined,
  idleTimeoutMs: undefined,
  onLimit: undefined,
  session: undefined,
  agentArgs: [],
  interactive: false,
};

/** Splits operands at `--` into ids and a program. */
export function splitAtMark(args: string[]): { ids: string[]; argv: string[] | undefined } {
  const mark = args.indexOf("--");
  if (mark < 0) return { ids: args, argv: undefined };
  const argv = args.slice(mark + 1);
  if (argv.length === 0) throw usage("a program is missing behind --");
  return { ids: args.slice(0, mark), argv };
}
