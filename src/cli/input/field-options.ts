/** The options for the fields of a submission, made from the table of these fields. */
import {
  type Field,
  type FieldName,
  type FieldType,
  type submitted,
  submittedFields,
  type ValueOf,
} from "../../core/submitted.ts";
import type { NewTask } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import {
  choice,
  flag,
  type OptionSpec,
  optionalValue,
  type ValuesOf,
  value,
  values,
} from "../command/define.ts";
import { amount, duration, integer, pair, signal, time } from "../command/option-values.ts";
import { reference } from "../command/session.ts";
import { pathOfTask } from "./input.ts";

/** The value that a command gets for an option of each type. */
interface ParsedValues extends Record<FieldType, unknown> {
  name: string | undefined;
  queue: string | undefined;
  key: string | undefined;
  path: string | undefined;
  signal: string | undefined;
  labels: [string, string][];
  integer: number | undefined;
  duration: number | undefined;
  limit: number | undefined;
  /** ISO 8601. */
  time: string | undefined;
  flag: boolean;
  dependencies: string[];
  choice: string | undefined;
  stdin: string | undefined;
  text: string | undefined;
  texts: string[];
  amount: number | undefined;
  branch: string | true | undefined;
  inherited: never;
}

type MakeOption = (flags: string, about: string, field: Field) => OptionSpec<unknown>;

const optionOfType: { [T in FieldType]: MakeOption } = {
  name: (flags, about) => value(flags, about),
  queue: (flags, about) => value(flags, about),
  key: (flags, about) => value(flags, about),
  path: (flags, about) => value(flags, about),
  signal: (flags, about) => value(flags, about, signal),
  labels: (flags, about) => values(flags, about, pair),
  integer: (flags, about, { least, most }) => value(flags, about, integer(least, most)),
  duration: (flags, about) => value(flags, about, duration),
  limit: (flags, about) => value(flags, about, duration),
  time: (flags, about) => value(flags, about, time),
  flag: (flags, about) => flag(flags, about),
  dependencies: (flags, about) => values(flags, about, String),
  stdin: (flags, about) => value(flags, about),
  text: (flags, about) => value(flags, about),
  texts: (flags, about) => values(flags, about, String),
  amount: (flags, about) => value(flags, about, amount),
  branch: (flags, about) => optionalValue(flags, about),
  choice: (flags, about, { choices = [] }) => choice(flags, about, choices),
  inherited: () => {
    throw new Error("what a task inherits has no option");
  },
};

type WithOption = {
  [F in FieldName]: (typeof submitted)[F] extends { option: unknown } ? F : never;
}[FieldName];
type ParsedValueOf<F extends FieldName> = (typeof submitted)[F] extends { choices: unknown }
  ? ValueOf<F> | undefined
  : ParsedValues[(typeof submitted)[F]["type"]];

/** The option for each field, by the field's name, and the two other ways to run after a task. */
export const fieldOptions = {
  ...(Object.fromEntries(
    submittedFields.flatMap(({ option, ...field }) =>
      option ? [[field.name, optionOfType[field.type](...option, field)] as const] : [],
    ),
  ) as { [F in WithOption]: OptionSpec<ParsedValueOf<F>> }),
  afterAny: values("--after-any <id>", "only when this task has ended, in whatever way (repeatable)", String),
  afterFailed: values(
    "--after-failed <id>",
    "only when this task has failed; else it is canceled (repeatable)",
    String,
  ),
};

export type FieldValues = ValuesOf<typeof fieldOptions>;

/** Returns the given fields, as `tasks/create` takes them, with paths resolved against the caller's directory. */
export function fieldsOf(options: FieldValues, context: Context): Partial<NewTask> {
  const fields = submittedFields
    .filter(({ option }) => option)
    .map(({ name, type }) => [name, fieldOf(name as WithOption, type, options, context)]);
  return Object.fromEntries(fields.filter(([, parsed]) => parsed !== undefined));
}

function fieldOf(name: WithOption, type: FieldType, options: FieldValues, context: Context): unknown {
  const parsed = options[name];
  if (parsed === undefined) return undefined;
  if (type === "path") return pathOfTask(context, parsed as ParsedValues["path"] & string);
  if (type === "stdin") return stdinOf(parsed as string, context);
  if (type === "flag") return parsed || undefined;
  if (type === "labels") {
    const labels = parsed as ParsedValues["labels"];
    return labels.length > 0 ? Object.fromEntries(labels) : undefined;
  }
  if (type === "texts") return (parsed as ParsedValues["texts"]).length > 0 ? parsed : undefined;
  if (type === "dependencies") return dependenciesOf(options);
  return parsed;
}

/** Returns the field for `--stdin`; undefined for `-`, because the command itself reads piped input. */
function stdinOf(text: string, context: Context): string | undefined {
  if (text === "-") return undefined;
  return text === "pipe" ? text : pathOfTask(context, text);
}

/** Several ids may be one word, such as `3,5`. */
function idsOf(word: string): (number | string)[] {
  return (/^\d+(,\d+)+$/.test(word) ? word.split(",") : [word]).map(reference);
}

function dependenciesOf({ after, afterAny, afterFailed }: FieldValues): NewTask["after"] | undefined {
  const dependencies = [
    ...after.flatMap(idsOf).map((id) => ({ id, when: "completed" as const })),
    ...afterAny.flatMap(idsOf).map((id) => ({ id, when: "ended" as const })),
    ...afterFailed.flatMap(idsOf).map((id) => ({ id, when: "failed" as const })),
  ];
  return dependencies.length > 0 ? dependencies : undefined;
}
