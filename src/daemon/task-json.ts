import { NOTHING_USED } from "../core/agents.ts";
import type { Checkout } from "../core/checkout.ts";
import { type ShownField, submittedFields } from "../core/submitted.ts";
import type { CheckpointInfo, Task, TaskEvent } from "../core/task.ts";
import { toIso } from "../core/time.ts";
import { type Engine, isMemoryShort, slotsMax } from "../engine/index.ts";
import { MAX_LINE_BYTES } from "../protocol/framing.ts";
import type { CheckpointJson, EventJson, ListedCheckpointJson, TaskJson } from "../protocol/methods.ts";
import type { Occupancy } from "../store/queue-view.ts";

/** What of the world beside the task decides how it is shown: how full the queues are, what limits them, and the time. */
export interface Surroundings {
  queues: ReadonlyMap<string, Occupancy>;
  slotsMax: number | null;
  isMemoryShort: boolean;
  /** Tasks that no machine of the cluster takes. */
  untaken: ReadonlySet<number>;
  engine: Engine;
}

const NO_QUEUES: Surroundings["queues"] = new Map();
const NO_TASKS: Surroundings["untaken"] = new Set();

/** What is around tasks; of queues nothing is read where none of the `tasks` that are shown waits in one. */
export async function surroundings(engine: Engine, tasks?: readonly Task[]): Promise<Surroundings> {
  const queued = tasks?.filter(isQueued);
  const queues = queued?.length === 0 ? NO_QUEUES : await engine.store.occupancy();
  const ids = queued?.map(({ id }) => id) ?? [];
  const untaken = ids.length > 0 && engine.cluster ? await engine.cluster.untaken(ids) : NO_TASKS;
  return { engine, queues, untaken, slotsMax: slotsMax(engine), isMemoryShort: isMemoryShort(engine) };
}

/** A task as CLI and socket show it: times in ISO 8601 UTC, what does not apply null, nothing secret. */
export function taskJson(task: Task, around: Surroundings): TaskJson {
  const { engine } = around;
  const active = engine.active.get(task.id);
  const now = engine.clock.now();
  const isWorking = task.state === "working";
  const inPhase = Math.max(0, now - task.phaseAt);
  const worked = isWorking && active ? Math.round(engine.clock.mono() - active.workingSince) : 0;
  return {
    id: task.id,
    uuid: task.uuid,
    ...shownFieldsOf(task),
    kind: task.kind,
    state: task.state,
    waiting: waitingOf(task, around),
    argv: task.argv,
    module: task.kind === "agent" ? null : task.module,
    attempt: task.attempt || null,
    schedule: task.labels.schedule ?? null,
    edits: task.edits,
    maxAttempts: task.retries + 1,
    slotNumbers: isWorking || task.frozen ? task.slotNumbers : null,
    moving: task.moving && { ...task.moving, at: toIso(task.moving.at) },
    progress: task.progress,
    pid: isWorking || task.frozen ? (active?.running?.program?.pid ?? task.pid) : null,
    machine: isWorking || task.frozen ? task.machine : null,
    createdAt: toIso(task.createdAt),
    startedAt: toIso(task.startedAt),
    updatedAt: toIso(task.updatedAt),
    endedAt: toIso(task.endedAt),
    runMs: task.runMs + worked,
    pausedMs: task.pausedMs + (task.state === "suspended" ? inPhase : 0),
    pause: task.pause && {
      mode: task.pause.mode,
      outcome: task.pause.outcome,
      cause: task.pause.cause,
      actor: task.pause.actor,
      reason: task.pause.reason,
      at: toIso(task.pause.at),
      until: toIso(task.pause.until),
    },
    checkpoint: task.checkpoint && checkpointJson(task.checkpoint),
    question: task.question && {
      prompt: task.question.prompt,
      at: toIso(task.question.at),
      choices: task.question.choices,
      kind: task.agentReport?.asking?.kind ?? "question",
      tool: task.agentReport?.asking?.tool ?? null,
    },
    ...agentOf(task),
    worktree: task.checkout && worktreeOf(task.checkout),
    exitCode: task.exitCode,
    signal: task.signal,
    result: task.result,
    error: task.error,
  };
}

function worktreeOf({ path, branch, base }: Checkout): TaskJson["worktree"] {
  return { path, branch, base };
}

/** What a coding agent adds to its task. */
function agentOf({
  agent,
  model,
  session,
  permissions,
  agentReport,
}: Task): Pick<TaskJson, "agent" | "usage"> {
  if (agent === null) return { agent: null, usage: null };
  if (agentReport === null) {
    const none = { version: null, turn: 0, tool: null, cut: null, limit: null, boundary: null };
    return { agent: { name: agent, session, model, permissions, ...none }, usage: NOTHING_USED };
  }
  const { usage, asking: _asking, ...said } = agentReport;
  return { agent: { name: agent, permissions, ...said, model: said.model ?? model }, usage };
}

const shown = submittedFields.filter(({ isShown }) => isShown).map(({ name }) => name as ShownField);

function shownFieldsOf(task: Task): Pick<Task, ShownField> {
  const fields: Record<string, unknown> = {};
  for (const name of shown) fields[name] = task[name];
  return fields as never;
}

/** So many bytes of results stand in one answer about many tasks; `show` has what is left out of it. */
const RESULT_BYTES = 4 * 1024 * 1024;

/** Many tasks in one line, which may not grow without bound: results beyond the first so many bytes are left out. */
export function taskJsons(tasks: readonly Task[], around: Surroundings): TaskJson[] {
  let left = RESULT_BYTES;
  return tasks.map((task) => {
    const json = taskJson(task, around);
    if (task.result === null || task.result === undefined) return json;
    left -= JSON.stringify(task.result).length;
    return left >= 0 ? json : { ...json, result: null };
  });
}

/** So many bytes of tasks stand in one page: half of the longest line. */
const PAGE_BYTES = MAX_LINE_BYTES / 2;

/** As many of the first tasks as one line has room for, and at least one. */
export function inOneLine(tasks: TaskJson[]): TaskJson[] {
  let left = PAGE_BYTES;
  const end = tasks.findIndex((task) => {
    left -= Buffer.byteLength(JSON.stringify(task)) + 1;
    return left < 0;
  });
  return end === -1 ? tasks : tasks.slice(0, Math.max(1, end));
}

/** What holds a task back where neither it nor its queue is held: `daemon start --hold`. */
const DAEMON = "daemon";

function isQueued({ state, resumesWith }: Task): boolean {
  return state === "submitted" || state === "resumed" || resumesWith !== null;
}

/** What an open task that has no slot waits for; null for one that waits for nothing but a person's resume. */
function waitingOf(task: Task, around: Surroundings): TaskJson["waiting"] {
  const until = toIso(task.notBefore);
  if (task.state === "input-required")
    return { for: "answer", on: null, until: toIso(task.question?.deadline ?? null) };
  if (task.state === "suspended" && task.pause?.until)
    return { for: "time", on: null, until: toIso(task.pause.until) };
  if (!isQueued(task)) return null;
  if (task.held) return { for: "hold", on: null, until };
  if (task.blockedBy !== null) return { for: "task", on: task.blockedBy, until };
  if (task.delay !== null && task.notBefore !== null)
    return { for: task.delay, on: task.delay === "limit" ? task.agent : null, until };
  if (around.queues.get(task.queue)?.held) return { for: "queue", on: task.queue, until: null };
  // It answers, and starts nothing.
  if (around.engine.isHolding) return { for: "hold", on: DAEMON, until: null };
  if (around.isMemoryShort || task.resumesWith === "memory") {
    return { for: "memory", on: "memory.reserve", until: null };
  }
  const machine = around.engine.cluster?.machine;
  const isFit = !around.untaken.has(task.id) && (task.on?.includes(machine ?? "") ?? true);
  if (machine !== undefined && !isFit)
    return { for: "machine", on: task.on?.join(" ") ?? machine, until: null };
  return { ...waitingForSlots(task, around), until: null };
}

/** Several slots at once, or any over all queues, are something else to wait for than one of the queue. */
function waitingForSlots({ queue, slots }: Task, { queues, slotsMax, engine: { cluster } }: Surroundings) {
  const { slots: most, used, usedInAll } = queues.get(queue) ?? { slots: null, used: 0, usedInAll: 0 };
  const hasRoomInQueue = most === null || used + slots <= most;
  const hasRoomInAll = slotsMax === null || usedInAll + slots <= slotsMax;
  // No setting gives a machine more slots, and another one may be free first.
  if (hasRoomInQueue && !hasRoomInAll && cluster && slotsMax === cluster.slots)
    return { for: "machine" as const, on: cluster.machine };
  if (hasRoomInQueue && !hasRoomInAll) return { for: "slots" as const, on: "slots.max" };
  return { for: slots > 1 ? ("slots" as const) : ("slot" as const), on: queue };
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
