import { NOTHING_USED } from "../../core/agents.ts";
import type { Checkout } from "../../core/checkout.ts";
import { type ShownField, submittedFields } from "../../core/submitted.ts";
import type { CheckpointInfo, Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { ActiveAttempt } from "../../engine/index.ts";
import type { CheckpointJson, EventJson, ListedCheckpointJson, TaskJson } from "../../protocol/methods.ts";
import type { Surroundings } from "./surroundings.ts";
import { WAITING, waitingOf } from "./waiting.ts";

/** What a field needs besides the task. */
interface Scene {
  around: Surroundings;
  now: number;
  /** What this daemon knows of the running attempt. */
  active: ActiveAttempt | undefined;
}

/** A field of a task's JSON: which fields of the task it reads, and how it is made from them. */
interface Shown<F extends keyof TaskJson> {
  reads: readonly (keyof Task)[];
  of(task: Task, scene: Scene): TaskJson[F];
}

/** Defines a field that reads only `reads` of the task, so that the store need not read anything else. */
function from<K extends keyof Task, T>(
  reads: readonly K[],
  of: (task: Pick<Task, K>, scene: Scene) => T,
): { reads: readonly K[]; of: (task: Pick<Task, K>, scene: Scene) => T } {
  return { reads, of };
}

const same = <K extends keyof Task>(name: K) => from([name], (task) => task[name]);

const timeOf = <K extends "createdAt" | "startedAt" | "updatedAt" | "endedAt">(name: K) =>
  from([name], (task) => toIso(task[name]) as Task[K] extends number ? string : string | null);

const submittedShown = Object.fromEntries(
  submittedFields.filter(({ isShown }) => isShown).map(({ name }) => [name, same(name)]),
) as unknown as { [F in ShownField]: Shown<F> };

/** Each field of a task's JSON, in order. */
const shown: { [F in keyof TaskJson]: Shown<F> } = {
  id: same("id"),
  uuid: same("uuid"),
  ...submittedShown,
  kind: same("kind"),
  state: same("state"),
  waiting: from(WAITING, (task, { around }) => waitingOf(task, around)),
  argv: same("argv"),
  module: from(["kind", "module"], ({ kind, module }) => (kind === "agent" ? null : module)),
  attempt: from(["attempt"], ({ attempt }) => attempt || null),
  schedule: from(["labels"], ({ labels }) => labels.schedule ?? null),
  edits: same("edits"),
  maxAttempts: from(["retries"], ({ retries }) => retries + 1),
  slotNumbers: from(["state", "frozen", "slotNumbers"], (task) =>
    hasProcess(task) ? task.slotNumbers : null,
  ),
  moving: from(["moving"], ({ moving }) => moving && { ...moving, at: toIso(moving.at) }),
  progress: same("progress"),
  pid: from(["state", "frozen", "pid"], (task, { active }) =>
    hasProcess(task) ? (active?.running?.program?.pid ?? task.pid) : null,
  ),
  machine: from(["state", "frozen", "machine"], (task) => (hasProcess(task) ? task.machine : null)),
  createdAt: timeOf("createdAt"),
  startedAt: timeOf("startedAt"),
  updatedAt: timeOf("updatedAt"),
  endedAt: timeOf("endedAt"),
  runMs: from(
    ["state", "runMs", "phaseAt"],
    ({ state, runMs, phaseAt }, { now, active, around: { engine } }) => {
      if (state !== "working") return runMs;
      if (active) return runMs + Math.round(engine.clock.mono() - active.workingSince);
      // On another machine the task has run since then, by the wall clock.
      return runMs + (engine.cluster ? Math.max(0, now - phaseAt) : 0);
    },
  ),
  pausedMs: from(
    ["state", "pausedMs", "phaseAt"],
    ({ state, pausedMs, phaseAt }, { now }) =>
      pausedMs + (state === "suspended" ? Math.max(0, now - phaseAt) : 0),
  ),
  pause: from(["pause"], ({ pause }) => pause && pauseJson(pause)),
  checkpoint: from(["checkpoint"], ({ checkpoint }) => checkpoint && checkpointJson(checkpoint)),
  question: from(["question", "agentReport"], questionOf),
  agent: from(["agent", "model", "session", "permissions", "agentReport"], agentOf),
  usage: from(["agent", "agentReport"], ({ agent, agentReport }) =>
    agent === null ? null : (agentReport?.usage ?? NOTHING_USED),
  ),
  worktree: from(["checkout"], ({ checkout }) => checkout && worktreeOf(checkout)),
  exitCode: same("exitCode"),
  signal: same("signal"),
  result: same("result"),
  error: same("error"),
};

/** Returns a task as CLI and socket show it: times in ISO 8601 UTC, null for what does not apply, nothing secret. */
export const taskJson: (task: Task, around: Surroundings) => TaskJson = shownAs();

/** Returns a function that shows a task with only these fields, or with all fields. */
export function shownAs(
  fields = Object.keys(shown) as readonly (keyof TaskJson)[],
): (task: Task, around: Surroundings) => TaskJson {
  // Copied for each task: filling an object costs less than building it.
  const blank = Object.fromEntries(fields.map((field) => [field, null]));
  const makers = fields.map((field) => ({ field, of: shown[field].of }));
  return (task, around) => {
    const { engine } = around;
    const scene = { around, now: engine.clock.now(), active: engine.active.get(task.id) };
    const json: Record<string, unknown> = { ...blank };
    for (const { field, of } of makers) json[field] = of(task, scene);
    return json as unknown as TaskJson;
  };
}

/** The fields that the daemon itself needs of tasks that it lists. */
const LOOKED_AT: readonly (keyof Task)[] = ["id", "state", "pid", "resumesWith"];

/** Returns the fields of tasks that the store must read in order to show these fields. */
export function readFor(fields: readonly (keyof TaskJson)[]): (keyof Task)[] {
  return [...new Set([...LOOKED_AT, ...fields.flatMap((field) => shown[field].reads)])];
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
  const { usage: _usage, asking: _asking, ...said } = agentReport;
  return { name: agent, permissions, ...said, model: said.model ?? model };
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
