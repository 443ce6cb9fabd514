/** The options that give the submitted fields of a task, made from the one table of these. */
import { resolve } from "node:path";
import {
  type Field,
  type FieldName,
  type FieldType,
  type submitted,
  submittedFields,
  type ValueOf,
} from "../../core/submitted.ts";
import type { NewTask } from "../../protocol/methods.ts";
import { choice, flag, type OptionSpec, value, values } from "../command/define.ts";
import { duration, integer, pair, signal, time } from "../command/option-values.ts";
import { reference } from "../command/session.ts";
import { usage } from "../command/usage.ts";

/** What a command gets for an option of each type. */
interface Read extends Record<FieldType, unknown> {
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
  task: string[];
  choice: string | undefined;
}

type Make = (flags: string, about: string, field: Field) => OptionSpec<unknown>;

const optionOfType: { [T in FieldType]: Make } = {
  name: (flags, about) => value(flags, about),
  queue: (flags, about) => value(flags, about),
  key: (flags, about) => value(flags, about),
  path: (flags, about) => value(flags, about),
  signal: (flags, about) => value(flags, about, signal),
  labels: (flags, about) => values(flags, about, pair),
  integer: (flags, about, { least }) => value(flags, about, integer(least)),
  duration: (flags, about) => value(flags, about, duration),
  limit: (flags, about) => value(flags, about, duration),
  time: (flags, about) => value(flags, about, time),
  flag: (flags, about) => flag(flags, about),
  task: (flags, about) => values(flags, about, String),
  choice: (flags, about, { choices = [] }) => choice(flags, about, choices),
};

type WithOption = {
  [F in FieldName]: (typeof submitted)[F] extends { option: unknown } ? F : never;
}[FieldName];
type ReadOf<F extends FieldName> = (typeof submitted)[F] extends { choices: unknown }
  ? ValueOf<F> | undefined
  : Read[(typeof submitted)[F]["type"]];

/** Under the name of each field the option that gives it. */
export const fieldOptions = Object.fromEntries(
  submittedFields.flatMap(({ option, ...field }) =>
    option ? [[field.name, optionOfType[field.type](...option, field)] as const] : [],
  ),
) as { [F in WithOption]: OptionSpec<ReadOf<F>> };

/** The fields that were given, as `tasks/create` takes them; paths are meant from `cwd`. */
export function fieldsOf(given: { [F in WithOption]?: ReadOf<F> }, cwd: string): Partial<NewTask> {
  const fields = submittedFields.map(({ name, type }) => [name, fieldOf(name, type, given, cwd)]);
  return Object.fromEntries(fields.filter(([, set]) => set !== undefined));
}

function fieldOf(
  name: FieldName,
  type: FieldType,
  given: { [F in WithOption]?: ReadOf<F> },
  cwd: string,
): unknown {
  const read = given[name];
  if (read === undefined) return undefined;
  if (type === "path") return resolve(cwd, read as Read["path"] & string);
  if (type === "flag") return read || undefined;
  if (type === "labels")
    return (read as Read["labels"]).length > 0 ? Object.fromEntries(read as Read["labels"]) : undefined;
  if (type === "task") return dependencyOf(read as Read["task"]);
  return read;
}

/** To take the last of several would start it before the others have completed. */
function dependencyOf([first, ...more]: string[]): number | string | undefined {
  if (more.length > 0) {
    throw usage(
      "--after: a task comes after one other; to wait for several: agentctl wait <ids> && agentctl run …",
      { field: "--after" },
    );
  }
  return first === undefined ? undefined : reference(first);
}
