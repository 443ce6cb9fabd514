/** The options of `edit`, which `rerun` takes as well. */
import { toIso } from "../../core/time.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { type ValuesOf, values } from "../command/define.ts";
import { pair } from "../command/option-values.ts";
import { usage } from "../command/usage.ts";
import { chosenVariables } from "./caller-environment.ts";
import { fieldsOf } from "./field-options.ts";
import { runOptions } from "./submission.ts";

const { name, queue, slots, priority, after, afterAny, afterFailed, notBefore } = runOptions;
const { delay, retries, timeoutMs, graceMs, cwd, env, acceptMissing, on } = runOptions;

export const editOptions = {
  ...{ name, queue, slots, priority },
  labels: values("-l, --label <key=value>", "a label; key= takes it away (repeatable)", pair),
  ...{ after, afterAny, afterFailed, notBefore, delay, retries, timeoutMs, graceMs },
  ...{ on, cwd, env, acceptMissing },
};

export type EditValues = ValuesOf<typeof editOptions>;
export type Edits = Omit<Params<"tasks/edit">, "id" | "actor">;

/** Returns the changes, as `tasks/edit` takes them; `argv` is the program after `--`. */
export function editsOf(context: Context, options: EditValues, argv: string[] | undefined): Edits {
  const { labels, env: variables, delay: delayMs, acceptMissing: isMissingAccepted, ...fields } = options;
  if (delayMs !== undefined && options.notBefore !== undefined)
    throw usage("either --delay or --at, not both");
  const plain = fieldsOf({ ...unset, ...fields, labels: [] }, context);
  const labelChanges = Object.fromEntries(labels.map(([key, value]) => [key, value === "" ? null : value]));
  return {
    ...(plain as Edits),
    ...(labels.length > 0 ? { labels: labelChanges } : {}),
    ...(delayMs === undefined ? {} : { notBefore: toIso(context.clock.now() + delayMs) }),
    ...(variables.length > 0 ? { env: chosenVariables(context, variables) } : {}),
    ...(argv ? { argv } : {}),
    ...(isMissingAccepted ? { acceptMissing: true } : {}),
  };
}

/** The other options of a submission, as if they were not given. */
const unset = {
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
