import { type FieldName, type FieldType, submittedFields } from "../../core/submitted.ts";
import type { Attempt, CheckpointInfo, Queue, Step, Task, TaskEvent } from "../../core/task.ts";
import { wakeAt } from "../rules/attention.ts";

export type Cell = string | number | bigint | Buffer | null;
/** A row as the database returns it. */
export type Row = Record<string, Cell>;

/** `value` distinguishes JSON's null from no value, which is undefined. */
type Codec = "plain" | "boolean" | "json" | "value";
const snake = (name: string) =>
  // `on` is a keyword of SQL.
  name === "on" ? "on_machine" : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** How a value of each type of submitted field is stored. */
const codecOfType: Record<FieldType, Codec> = {
  name: "plain",
  queue: "plain",
  key: "plain",
  path: "plain",
  signal: "plain",
  labels: "json",
  integer: "plain",
  duration: "plain",
  limit: "plain",
  time: "plain",
  flag: "boolean",
  dependencies: "json",
  choice: "plain",
  stdin: "plain",
  text: "plain",
  texts: "json",
  amount: "plain",
  branch: "json",
  inherited: "json",
};

/** How each field that the store or the engine sets is stored. */
const codecs = {
  id: "plain",
  uuid: "plain",
  kind: "plain",
  state: "plain",
  argv: "json",
  module: "json",
  input: "value",
  blockedBy: "plain",
  envHash: "plain",
  envNames: "json",
  moving: "json",
  attempt: "plain",
  edits: "plain",
  failures: "plain",
  losses: "plain",
  delay: "plain",
  intent: "json",
  pauseAt: "json",
  pause: "json",
  frozen: "boolean",
  resumesWith: "plain",
  slotNumbers: "json",
  journaled: "boolean",
  question: "json",
  agentReport: "json",
  sessionKey: "plain",
  checkout: "json",
  account: "plain",
  progress: "json",
  pid: "plain",
  machine: "plain",
  createdAt: "plain",
  startedAt: "plain",
  updatedAt: "plain",
  endedAt: "plain",
  runMs: "plain",
  attemptRunMs: "plain",
  pausedMs: "plain",
  phaseAt: "plain",
  exitCode: "plain",
  signal: "plain",
  result: "json",
  error: "json",
  checkpoint: "json",
} as const satisfies Record<Exclude<keyof Task, FieldName>, Codec>;

/** Each field of a task; its column has the same name in snake case. */
const fields = [
  ...Object.entries(codecs).map(([field, codec]) => ({ field, codec: codec as Codec })),
  ...submittedFields.map(({ name, type }) => ({ field: name, codec: codecOfType[type] })),
].map(({ field, codec }) => ({ field: field as keyof Task, column: snake(field), codec }));
const columnOf = new Map(fields.map(({ field, column }) => [field, column]));

/** The columns of `tasks` that hold a task, in the order of {@link taskCells}; `wake_at` is derived. */
export const taskColumns = [...fields.map(({ column }) => column), "wake_at"];

/** The columns of a new task, without its id, which is the next number. */
export const newTaskColumns = taskColumns.slice(1);

/** The columns of a new event, in the order of its cells. */
export const newEventColumns = [
  "at",
  "task_id",
  "attempt",
  "from_state",
  "to_state",
  "cause",
  "actor",
  "data",
];

/** A choice of fields, and how to make a task from the cells of only these. */
export interface Projection {
  columns: readonly string[];
  toTask: (cells: readonly Cell[]) => Task;
}

/** Returns the `Reading` for only the fields `names`; every other field of the task is null. */
export function projectionOf(names: readonly (keyof Task)[]): Projection {
  const selected = fields.filter(({ field }) => names.includes(field));
  return { columns: selected.map(({ column }) => column), toTask: (cells) => decodeTask(selected, cells) };
}

/** Copied for each task: V8 fills an object faster than it builds one field by field. */
const blank = Object.fromEntries(fields.map(({ field }) => [field, null]));

/**
 * Returns a copy of `base` with the task fields of `values`, which may have others too. To add fields to an object as
 * large as a task costs V8 fifty times as much as to set existing ones.
 */
export function taskWith(base: Task, values: Partial<Task>): Task {
  const task: Record<string, unknown> = { ...base };
  for (const { field } of fields) if (values[field] !== undefined) task[field] = values[field];
  return task as unknown as Task;
}

/** A task with every field null. */
export const blankTask = blank as unknown as Task;

/** Makes a task from the cells of {@link taskColumns}. */
export const toTask = (cells: readonly Cell[]): Task => decodeTask(fields, cells);

function decodeTask(selected: typeof fields, cells: readonly Cell[]): Task {
  const task: Record<string, unknown> = { ...blank };
  for (let index = 0; index < selected.length; index++) {
    const { field, codec } = selected[index] as (typeof fields)[number];
    task[field] = decode(cells[index] as Cell, codec);
  }
  return task as unknown as Task;
}

/** Makes a task from a row with named cells. */
export const taskOfRow = (row: Row): Task => toTask(taskColumns.map((column) => row[column] as Cell));

/** Returns the cells of {@link taskColumns} for `task`. */
export function taskCells(task: Task): Cell[] {
  return [...fields.map(({ field, codec }) => encode(task[field], codec)), wakeAt(task)];
}

/** Returns the columns that differ between `before` and `after`, with their new cells. */
export function changedCells(before: Task, after: Task): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  for (const { field, codec } of fields) {
    if (before[field] !== after[field]) cells[columnOf.get(field) as string] = encode(after[field], codec);
  }
  const wake = wakeAt(after);
  if (wake !== wakeAt(before)) cells.wake_at = wake;
  return cells;
}

export function toAttempt(row: Row): Attempt {
  return {
    taskId: row.task_id as number,
    n: row.n as number,
    token: row.token as string,
    runKey: row.run_key as string,
    bootId: row.boot_id as string,
    machine: row.machine as string | null,
    pid: row.pid as number | null,
    pidStart: row.pid_start as number | null,
    saidHello: row.said_hello === 1,
    startedAt: row.started_at as number,
    endedAt: row.ended_at as number | null,
    outcome: row.outcome as Attempt["outcome"],
    exitCode: row.exit_code as number | null,
    signal: row.signal as string | null,
    result: decode(row.result as Cell, "json") as Attempt["result"],
  };
}

export function toCheckpoint(row: Row): CheckpointInfo {
  return {
    seq: row.seq as number,
    attempt: row.attempt as number,
    size: row.size as number,
    sha256: row.sha256 as string,
    createdAt: row.created_at as number,
    label: row.label as string | null,
    position: row.position as number,
    base: row.base as number,
    superseded: row.superseded === 1,
  };
}

/** Makes a step from its row; `result` is empty if the row was read without it. */
export function toStep(row: Row): Step {
  return {
    kind: row.kind as Step["kind"],
    name: row.name as string,
    n: row.n as number,
    base: row.base as number,
    position: row.position as number,
    call: row.call as number,
    alone: row.alone === 1,
    attempt: row.attempt as number,
    startedAt: row.started_at as number,
    endedAt: row.ended_at as number,
    size: row.size as number,
    result: (row.result as string | undefined) ?? "",
    unused: row.unused === 1,
  };
}

export function toEvent(row: Row): TaskEvent {
  return {
    seq: row.seq as number,
    at: row.at as number,
    task: row.task_id as number,
    attempt: row.attempt as number | null,
    from: row.from_state as TaskEvent["from"],
    to: row.to_state as TaskEvent["to"],
    cause: row.cause as string,
    actor: row.actor as string,
    data: decode(row.data as Cell, "json") as TaskEvent["data"],
  };
}

export function toQueue(row: Row): Queue {
  return {
    name: row.name as string,
    slots: row.slots as number | null,
    numbered: row.numbered === 1,
    preempt: row.preempt === 1,
    heldBy: row.held_by as string | null,
    heldUntil: row.held_until as number | null,
  };
}

function decode(cell: Cell, codec: Codec): unknown {
  if (codec === "boolean") return cell === 1;
  if (codec === "json") return cell === null ? null : JSON.parse(cell as string);
  if (codec === "value") return cell === null ? undefined : JSON.parse(cell as string);
  return cell;
}

function encode(value: unknown, codec: Codec): Cell {
  if (codec === "boolean") return value ? 1 : 0;
  if (codec === "json") return value === null || value === undefined ? null : JSON.stringify(value);
  if (codec === "value") return value === undefined ? null : JSON.stringify(value);
  return (value ?? null) as Cell;
}
