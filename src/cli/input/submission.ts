/** From what was typed behind `run` to what `tasks/create` takes. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { onLostChoices, pauseModes } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { NewTask } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { choice, flag, type ValuesOf, value, values } from "../command/define.ts";
import { duration, integer, pair, signal, time, variable } from "../command/option-values.ts";
import { reference } from "../command/session.ts";
import { usage } from "../command/usage.ts";
import { callerEnvironment, chosenVariables } from "./caller-environment.ts";
import { jsonInput } from "./input.ts";

/** The options of `run`. */
export const runOptions = {
  name: value("--name <name>", "a name for people, not all digits"),
  queue: value("-q, --queue <queue>", "the queue it waits in (default)"),
  priority: value("--priority <n>", "higher is started first (0)", integer()),
  labels: values("-l, --label <key=value>", "a label (repeatable)", pair),
  cwd: value("--cwd <directory>", "where it runs (here)"),
  env: values("-e, --env <NAME[=value]>", "a variable; without a value the caller's (repeatable)", variable),
  envFile: value("--env-file <file>", "K=V lines, without quotes, read at every attempt"),
  noInheritEnv: flag("--no-inherit-env", "do not take over the caller's environment"),
  input: value("--input <json|@file|->", "the input of a task module"),
  after: values("--after <id>", "only when this task has completed", String),
  delay: value("--delay <duration>", "not before so much time has passed", duration),
  at: value("--at <time>", "not before then", time),
  retries: value("--retries <n>", "how often it is tried again after a failure (0)", integer(0)),
  backoff: value("--backoff <duration>", "before the first retry; doubles with each", duration),
  timeout: value("--timeout <duration>", "fail when it has run for so long; pauses do not count", duration),
  grace: value("--grace <duration>", "how long it may take to save a checkpoint when paused (60s)", duration),
  pauseMode: choice("--pause-mode <mode>", "how a pause ends or stops it", pauseModes),
  pauseSignal: value("--pause-signal <signal>", "what asks it to save a checkpoint and end (TERM)", signal),
  onLost: choice("--on-lost <what>", "when its process vanishes with the machine", onLostChoices),
  key: value("--key <key>", "submit once: with a key that exists, print that task's id and start nothing"),
  hold: flag("--hold", "do not start it before agentctl release"),
  follow: flag("-f, --follow", "print its output, and end with its exit code"),
  wait: flag("-w, --wait", "wait until it has ended, and end with its exit code"),
  cancelOnExit: flag("--cancel-on-exit", "with --follow or --wait: Ctrl-C, TERM and HUP cancel it"),
  exitOnPause: flag("--exit-on-pause", "with --follow or --wait: end with 75 when it is paused or asks"),
};

export type RunValues = ValuesOf<typeof runOptions>;

/** The program or module, and whether `--` stood before it. */
export interface Work {
  operands: string[];
  isMarked: boolean;
}

/** The parameters of `tasks/create`; throws a usage error for what does not go together. */
export async function submissionOf(context: Context, work: Work, given: RunValues): Promise<NewTask> {
  const { cwd } = context;
  return {
    ...(await workOf(context, work, given)),
    ...without({
      name: given.name,
      queue: given.queue,
      priority: given.priority,
      labels: given.labels.length > 0 ? Object.fromEntries(given.labels) : undefined,
      envFile: given.envFile === undefined ? undefined : resolve(cwd, given.envFile),
      after: dependencyOf(given),
      notBefore: startOf(context, given),
      retries: given.retries,
      backoffMs: given.backoff,
      timeoutMs: given.timeout,
      graceMs: given.grace,
      pauseMode: given.pauseMode,
      pauseSignal: given.pauseSignal,
      onLost: given.onLost,
      key: given.key,
      held: given.hold || undefined,
    }),
    cwd: given.cwd === undefined ? cwd : resolve(cwd, given.cwd),
    env: {
      ...(given.noInheritEnv ? {} : callerEnvironment(context)),
      ...chosenVariables(context, given.env),
    },
  };
}

/** Whether an operand is a task module: a file of that name, or where it would be. */
export function isModule(operand: string | undefined, cwd: string): boolean {
  if (operand === undefined || !/\.(ts|mts|js|mjs)$/.test(operand)) return false;
  // No program is named like a TypeScript file; one may be named like a JavaScript file.
  return /ts$/.test(operand) || operand.includes("/") || existsSync(resolve(cwd, operand));
}

async function workOf(
  context: Context,
  { operands, isMarked }: Work,
  { input }: RunValues,
): Promise<NewTask> {
  const [first = "", ...rest] = operands;
  if (isMarked || !isModule(first, context.cwd)) {
    if (input !== undefined) throw usage(`--input is for task modules, and ${first} is a program`);
    return { argv: operands };
  }
  const surplus = rest[0];
  if (surplus !== undefined) {
    const hint = `agentctl run ${first} --input '{"key":"value"}', or agentctl run -- ${first} … to run it as a program`;
    throw usage(`a task module takes its input by --input, not as an argument: ${JSON.stringify(surplus)}`, {
      hint,
    });
  }
  const module = resolve(context.cwd, first);
  return input === undefined ? { module } : { module, input: await jsonInput(context, input) };
}

function startOf({ clock }: Context, { delay, at }: RunValues): string | undefined {
  if (delay !== undefined && at !== undefined) throw usage("either --delay or --at, not both");
  return delay === undefined ? at : toIso(clock.now() + delay);
}

/** Without the keys that are undefined. */
function without<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, set]) => set !== undefined)) as never;
}

/** To take the last of several would start it before the others have completed. */
function dependencyOf({ after }: RunValues): number | string | undefined {
  const [first, ...more] = after;
  if (more.length > 0) {
    throw usage(
      "--after: a task comes after one other; to wait for several: agentctl wait <ids> && agentctl run …",
      {
        field: "--after",
      },
    );
  }
  return first === undefined ? undefined : reference(first);
}
