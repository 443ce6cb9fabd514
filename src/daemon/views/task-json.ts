import { NOTHING_USED } from "../../core/agents.ts";
import type { Checkout } from "../../core/checkout.ts";
import { type ShownField, submittedFields } from "../../core/submitted.ts";
import type { CheckpointInfo, Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { ActiveAttempt } from "../../engine/index.ts";
import type { CheckpointJson, EventJson, ListedCheckpointJson, TaskJson } from "../../protocol/methods.ts";
import type { Surroundings } from "./surroundings.ts";
import { WAITING_FIELDS, waitingOf } from "./waiting.ts";

/** What a field needs besides the task. */
interface Scene {
  context: Surroundings;
  now: number;
  /** What this daemon knows of the running attempt. */
  active: ActiveAttempt | undefined;
}

/** A field of a task's JSON: which fields of the task it reads, and how it is made from them. */
interface FieldSpec<F extends keyof TaskJson> {
  reads: readonly (keyof Task)[];
  make(task: Task, scene: Scene): TaskJson[F];
}

/** Defines a field that reads only `reads` of the task, so that the store need not read anything else. */
function fieldFrom<K extends keyof Task, T>(
  reads: readonly K[],
  make: (task: Pick<Task, K>, scene: Scene) => T,
): { reads: readonly K[]; make: (task: Pick<Task, K>, scene: Scene) => T } {
  return { reads, make };
}

const sameField = <K extends keyof Task>(name: K) => fieldFrom([name], (task) => task[name]);

const timeOf = <K extends "createdAt" | "startedAt" | "updatedAt" | "endedAt">(name: K) =>
  fieldFrom([name], (task) => toIso(task[name]) as Task[K] extends number ? string : string | null);

const submittedSpecs = Object.fromEntries(
  submittedFields.filter(({ isShown }) => isShown).map(({ name }) => [name, sameField(name)]),
) as unknown as { [F in ShownField]: FieldSpec<F> };

/** Each field of a task's JSON, in order. */
const fieldSpecs: { [F in keyof TaskJson]: FieldSpec<F> } = {
  id: sameField("id"),
  uuid: sameField("uuid"),
  ...submittedSpecs,
  kind: sameField("kind"),
  state: sameField("state"),
  waiting: fieldFrom(WAITING_FIELDS, (task, { context }) => waitingOf(task, context)),
  argv: sameField("argv"),
  module: fieldFrom(["kind", "module"], ({ kind, module }) => (kind === "agent" ? null : module)),
  attempt: fieldFrom(["attempt"], ({ attempt }) => attempt || null),
  schedule: fieldFrom(["labels"], ({ labels }) => labels.schedule ?? null),
  edits: sameField("edits"),
  maxAttempts: fieldFrom(["retries"], ({ retries }) => retries + 1),
  slotNumbers: fieldFrom(["state", "frozen", "slotNumbers"], (task) =>
    hasProcess(task) ? task.slotNumbers : null,
  ),
  moving: fieldFrom(["moving"], ({ moving }) => moving && { ...moving, at: toIso(moving.at) }),
  progress: sameField("progress"),
  pid: fieldFrom(["state", "frozen", "pid"], (task, { active }) =>
    hasProcess(task) ? (active?.running?.program?.pid ?? task.pid) : null,
  ),
  machine: fieldFrom(["state", "frozen", "machine"], (task) => (hasProcess(task) ? task.machine : null)),
  createdAt: timeOf("createdAt"),
  startedAt: timeOf("startedAt"),
  updatedAt: timeOf("updatedAt"),
  endedAt: timeOf("endedAt"),
  runMs: fieldFrom(
    ["state", "runMs", "phaseAt"],
    ({ state, runMs, phaseAt }, { now, active, context: { engine } }) => {
      if (state !== "working") return runMs;
      if (active) return runMs + Math.round(engine.clock.mono() - active.workingSince);
      // On another machine the task has run since then, by the wall clock.
      return runMs + (engine.cluster ? Math.max(0, now - phaseAt) : 0);
    },
  ),
  pausedMs: fieldFrom(
    ["state", "pausedMs", "phaseAt"],
    ({ state, pausedMs, phaseAt }, { now }) =>
      pausedMs + (state === "suspended" ? Math.max(0, now - phaseAt) : 0),
  ),
  pause: fieldFrom(["pause"], ({ pause }) => pause && pauseJson(pause)),
  checkpoint: fieldFrom(["checkpoint"], ({ checkpoint }) => checkpoint && checkpointJson(checkpoint)),
  question: fieldFrom(["question", "agentReport"], questionOf),
  agent: fieldFrom(["agent", "model", "session", "permissions", "agentReport"], agentOf),
  usage: fieldFrom(["agent", "agentReport"], ({ agent, agentReport }) =>
    agent === null ? null : (agentReport?.usage ?? NOTHING_USED),
  ),
  worktree: fieldFrom(["checkout"], ({ checkout }) => checkout && worktreeOf(checkout)),
  exitCode: sameField("exitCode"),
  signal: sameField("signal"),
  result: sameField("result"),
  error: sameField("error"),
};

/** Returns a task as CLI and socket show it: times in ISO 8601 UTC, null for what does not apply, nothing secret. */
export const taskJson: (task: Task, context: Surroundings) => TaskJson = taskPresenter();

/** Returns a function that shows a task with only these fields, or with all fields. */
export function taskPresenter(
  fields = Object.keys(fieldSpecs) as readonly (keyof TaskJson)[],
): (task: Task, context: Surroundings) => TaskJson {
  // Copied for each task: filling an object costs less than building it.
  const blank = Object.fromEntries(fields.map((field) => [field, null]));
  const makers = fields.map((field) => ({ field, make: fieldSpecs[field].make }));
  return (task, context) => {
    const { engine } = context;
    const scene = { context, now: engine.clock.now(), active: engine.active.get(task.id) };
    const json: Record<string, unknown> = { ...blank };
    for (const { field, make } of makers) json[field] = make(task, scene);
    return json as unknown as TaskJson;
  };
}

/** The fields that the daemon itself needs of tasks that it lists. */
const ALWAYS_READ: readonly (keyof Task)[] = ["id", "state", "pid", "resumesWith"];

/** Returns the fields of tasks that the store must read in order to show these fields. */
export function fieldsToRead(fields: readonly (keyof TaskJson)[]): (keyof Task)[] {
  return [...new Set([...ALWAYS_READ, ...fields.flatMap((field) => fieldSpecs[field].reads)])];
}

function hasProcess({ state, frozen }: Pick<Task, "state" | "frozen">): boolean {
  return state === "working" || frozen;
}

function pauseJson({ mode, outcome, cause, actor, reason, at, until }: NonNullable<Task["pause"]>) {
  return { mode, outcome, cause, actor, reason, at: toIso(at), until: toIso(until) };
}

function questionOf({ question, agentReport }: Pick<Task, "question" | "agentReport">): TaskJson["question"] {
  return (
    question && {
      prompt: question.prompt,
      at: toIso(question.at),
      choices: question.choices,
      kind: agentReport?.asking?.kind ?? "question",
      tool: agentReport?.asking?.tool ?? null,
    }
  );
}

function worktreeOf({ path, branch, base }: Checkout): TaskJson["worktree"] {
  return { path, branch, base };
}

/** Returns what a coding agent adds to its task. */
function agentOf({
  agent,
  model,
  session,
  permissions,
  agentReport,
}: Pick<Task, "agent" | "model" | "session" | "permissions" | "agentReport">): TaskJson["agent"] {
  if (agent === null) return null;
  if (agentReport === null) {
    const none = { version: null, turn: 0, tool: null, cut: null, limit: null, boundary: null };
    return { name: agent, session, model, permissions, ...none };
  }
  const { usage: _usage, asking: _asking, ...report } = agentReport;
  return { name: agent, permissions, ...report, model: report.model ?? model };
}

export function checkpointJson(info: CheckpointInfo): CheckpointJson {
  return {
    seq: info.seq,
    size: info.size,
    sha256: info.sha256,
    createdAt: toIso(info.createdAt),
    label: info.label,
  };
}

export function listedCheckpointJson(info: CheckpointInfo): ListedCheckpointJson {
  return { ...checkpointJson(info), attempt: info.attempt, superseded: info.superseded };
}

export function eventJson(event: TaskEvent): EventJson {
  return { ...event, at: toIso(event.at) };
}
