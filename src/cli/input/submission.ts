/** Turns what was typed after `run` into what `tasks/create` takes. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import type { NewTask } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { flag, longName, type ValuesOf, value, values } from "../command/define.ts";
import { duration, variable } from "../command/option-values.ts";
import { usage } from "../command/usage.ts";
import { shellLine, throughShell } from "../text/terminal-text.ts";
import {
  callerDirectory,
  callerEnvironment,
  callerInherited,
  chosenVariables,
} from "./caller-environment.ts";
import { fieldOptions, fieldsOf } from "./field-options.ts";
import { absolutePath, fileText, jsonInput, textOrStdin } from "./input.ts";

/** The options of `run`. */
export const runOptions = {
  ...fieldOptions,
  env: values("-e, --env <NAME[=value]>", "a variable; without a value the caller's (repeatable)", variable),
  noInheritEnv: flag("--no-inherit-env", "do not take over the caller's environment"),
  input: value("--input <json|@file|->", "the input of a task module"),
  delay: value("--delay <duration>", "not before this much time has passed", duration),
  acceptMissing: flag("--accept-missing", "submit it even if its program or a file is still missing"),
  each: flag("--each", "with --agent: a task for each line of the prompt, of stdin if no prompt is given"),
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

/** Returns the parameters of `tasks/create`; throws a usage error for options that do not go together. */
export async function submissionOf(context: Context, work: Work, options: RunValues): Promise<NewTask> {
  const fields = fieldsOf(options, context);
  return {
    ...(options.agent === undefined
      ? await workOf(context, work, options)
      : { prompt: await promptOf(context, work, options) }),
    ...callerDirectory(context, fields.cwd),
    ...fields,
    ...(options.acceptMissing ? { acceptMissing: true } : {}),
    ...startOf(context, options),
    ...(options.env.length > 0 ? { envNames: options.env.map(([name]) => name) } : {}),
    inherited: callerInherited(context),
    env: {
      ...(options.noInheritEnv ? {} : callerEnvironment(context)),
      ...chosenVariables(context, options.env),
    },
  };
}

/** Returns whether an operand is a task module: a file of that name, or the path where one would be. */
export function isModule(operand: string | undefined, context: Pick<Context, "cwd">): boolean {
  if (operand === undefined || !/\.(?:[cm]?[jt]s|[jt]sx)$/.test(operand)) return false;
  // No program is named like a TypeScript file; one may be named like a JavaScript file.
  if (/tsx?$/.test(operand) || operand.includes("/")) return true;
  return existsSync(resolve(context.cwd, operand));
}

async function workOf(
  context: Context,
  { operands, isMarked }: Work,
  { input }: RunValues,
): Promise<NewTask> {
  const [first = "", ...rest] = operands;
  if (isMarked || !isModule(first, context)) {
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
  const module = absolutePath(context, first);
  return input === undefined ? { module } : { module, input: await jsonInput(context, input) };
}

/** Returns the prompt of an agent: the one operand, `@file`, or `-` for stdin. */
async function promptOf(context: Context, { operands }: Work, { input }: RunValues): Promise<string> {
  const [first = "", ...rest] = operands;
  if (input !== undefined)
    throw usage("--input is for task modules; an agent takes its prompt as the operand");
  if (rest.length > 0) throw usage("the prompt of an agent is one argument: put it in quotes");
  const text = first.startsWith("@")
    ? (await fileText(context, first.slice(1))).replace(/\r?\n$/, "")
    : await textOrStdin(context, first);
  if (text.trim() === "") throw usage("the prompt of the agent is empty");
  return text;
}

function startOf({ clock }: Context, { delay, notBefore }: RunValues): Pick<NewTask, "notBefore"> {
  if (delay === undefined) return {};
  if (notBefore !== undefined) throw usage("either --delay or --at, not both");
  return { notBefore: toIso(clock.now() + delay) };
}

/** A program as it was typed, and the words of the command line before it. */
export interface TypedProgram {
  before: readonly string[];
  argv: readonly string[] | undefined;
}

/** Rewrites an error of the daemon about a field of the task, so that it names what was typed. */
export function asTyped(error: unknown, program?: TypedProgram): unknown {
  if (!(error instanceof AgentctlError)) return error;
  const { field, reason } = error.data;
  if (error.name === "UnsupportedOperation" && typeof field === "string")
    return rewriteEditError(error, field);
  if (error.name !== "InvalidParams") return error;
  const namesOption = typeof field !== "string" || /^[-<]/.test(field);
  const option = namesOption ? undefined : optionOf(field);
  const place = option === undefined ? "" : `${option}: `;
  const message = namesOption ? error.message : `${place}${reason}`;
  const hint = shellHint(error, program) ?? (error.hint && replaceFields(error.hint));
  const options = { message, ...(hint ? { hint } : {}) };
  return new AgentctlError("InvalidParams", { ...error.data, field: option ?? field }, options);
}

/** Returns whether an error says that the program was not found. */
export function isNotFound({ exitCode }: AgentctlError["data"]): boolean {
  return exitCode === 127;
}

function shellHint({ data }: AgentctlError, program: TypedProgram | undefined): string | undefined {
  const line = isNotFound(data) ? throughShell(program?.argv ?? []) : undefined;
  return line && `agentctl ${shellLine([...(program?.before ?? []), ...line])} has a shell read it`;
}

/** Replaces the fields in a hint of the daemon by their options. */
function replaceFields(hint: string): string {
  return hint.replace(/\b[a-z]+[A-Z]\w*\b/g, (word) => optionOf(word) ?? word);
}

/** Rewrites an error that begins with the field that cannot change. */
function rewriteEditError(error: AgentctlError, field: string): AgentctlError {
  if (!error.message.startsWith(`${field} of task`)) return error;
  const name = field === "notBefore" ? "--delay or --at" : (optionOf(field) ?? "the program");
  const message = `${name}${error.message.slice(field.length)}`;
  return new AgentctlError("UnsupportedOperation", error.data, {
    message,
    ...(error.hint ? { hint: error.hint } : {}),
  });
}

/** Returns the option for a field, or the field if it has none; undefined for the program or the module. */
function optionOf(field: string): string | undefined {
  if (field === "argv" || field === "module") return undefined;
  const [name = ""] = field.split(".");
  return Object.hasOwn(runOptions, name)
    ? `--${longName(runOptions[name as keyof typeof runOptions])}`
    : field;
}
