/** New tasks: their initial fields, and what else is stored with them. */
import { AgentctlError } from "../../core/errors.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import { endOfDependent } from "../rules/dependencies.ts";
import { requireFit } from "../rules/slots.ts";
import type { Seed } from "../store.ts";
import { takeOver } from "./checkpoints.ts";
import type { Context, Op } from "./context.ts";
import * as events from "./events.ts";
import { keepStdin } from "./inbox.ts";
import { moveOne, readDependencyStatus, requireSession } from "./moves.ts";
import type { QueueRoom } from "./queue-room.ts";
import { blankTask, taskWith } from "./rows.ts";

interface Creation {
  task: Task;
  created: boolean;
}

/** Inserts the tasks of `seeds` with their first events; for a seed whose key exists, returns the existing task. */
export function* createAll(ctx: Context, seeds: readonly Seed[], room: QueueRoom): Op<Creation[]> {
  const results: Creation[] = [];
  // Tasks that need nothing else are inserted together: a hundred of them cost a server two requests, not two each.
  let plain: Seed[] = [];
  const slotsCache: SlotsCache = new Map();
  function* insertPlain(): Op<void> {
    if (plain.length === 0) return;
    const tasks = yield* ctx.insert(plain.map((seed) => newTask(seed)));
    yield* events.appendAll(
      ctx,
      tasks.map((task, index) => firstEvent(task, plain[index] as Seed)),
    );
    for (const task of tasks) results.push({ task, created: true });
    plain = [];
  }
  /** Throws if there is no room for the task. */
  function* admit(seed: Seed): Op<void> {
    yield* requireSlots(ctx, seed, slotsCache);
    yield* requireSession(ctx, seed.sessionKey);
    yield* room.admit(ctx, seed.queue, seed.at, insertPlain);
  }
  for (const seed of seeds) {
    if (isPlain(seed)) {
      yield* admit(seed);
      plain.push(seed);
      continue;
    }
    yield* insertPlain();
    const dependencies = seed.after.map((dependency) => ({
      ...dependency,
      id: idInBatch(dependency.id, results) ?? dependency.id,
    }));
    // An earlier seed whose key exists may be a task that is also named by its id.
    const after = dependencies.filter(
      ({ id }, index) => dependencies.findIndex((other) => other.id === id) === index,
    );
    results.push(yield* create(ctx, { ...seed, after }, admit));
  }
  yield* insertPlain();
  return results;
}

/** Returns whether a task consists only of its own row and its first event. */
function isPlain({ key, after, sessionKey, placed, stdinData, carried, paused }: Seed): boolean {
  if (key !== null || sessionKey !== null || after.length > 0) return false;
  return !placed && !stdinData && !carried && !paused;
}

/** Returns the id of an earlier task of the batch, if `id` is below zero and so names its place: see `placeInBatch`. */
function idInBatch(id: number, results: readonly Creation[]): number | undefined {
  return id < 0 ? results[-id - 1]?.task.id : undefined;
}

function* create(ctx: Context, seed: Seed, admit: (seed: Seed) => Op<void>): Op<Creation> {
  const existing =
    seed.key === null ? undefined : yield* ctx.row("select id from tasks where key = ?", seed.key);
  if (existing) return { task: yield* ctx.task(existing.id as number), created: false };
  const { at, carried, placed, stdinData, after } = seed;
  yield* admit(seed);
  for (const { id } of after) yield* ctx.task(id);
  const { blockedBy, open, broken } = yield* readDependencyStatus(ctx, after);
  const [inserted] = (yield* ctx.insert([newTask(seed, blockedBy)])) as [Task];
  const task = placed ? yield* ctx.write(inserted, { ...inserted, ...placed(inserted.id) }) : inserted;
  if (stdinData) yield* keepStdin(ctx, task.id, stdinData);
  for (const dependencyId of open)
    yield* ctx.run(
      "insert into dependencies (on_id, task_id) values (?, ?) on conflict do nothing",
      dependencyId,
      task.id,
    );
  yield* events.append(ctx, firstEvent(task, seed));
  const restored = carried ? yield* takeOver(ctx, task, carried) : task;
  return {
    task: broken ? yield* moveOne(ctx, endOfDependent(restored, broken, at)) : restored,
    created: true,
  };
}

function newTask(seed: Seed, blockedBy: Task["blockedBy"] = null): Task {
  const { at, paused, notBefore, envNames = [], account = null } = seed;
  const { delay = notBefore === null ? null : "time" } = seed;
  return {
    ...taskWith(initialTask, seed),
    ...(paused ? { ...paused, state: "suspended" } : {}),
    envNames,
    blockedBy,
    delay,
    account,
    createdAt: at,
    updatedAt: at,
    phaseAt: at,
  };
}

function firstEvent({ id, state }: Task, { at, actor, paused }: Seed): Omit<TaskEvent, "seq"> {
  const cause = paused ? "import" : "run";
  return { at, actor, cause, task: id, attempt: null, from: null, to: state, data: null };
}

const initialTask: Task = {
  ...blankTask,
  input: undefined,
  state: "submitted",
  attempt: 0,
  edits: 0,
  failures: 0,
  losses: 0,
  intent: null,
  pauseAt: null,
  pause: null,
  frozen: false,
  resumesWith: null,
  slotNumbers: null,
  journaled: false,
  question: null,
  agentReport: null,
  checkout: null,
  moving: null,
  progress: null,
  pid: null,
  machine: null,
  startedAt: null,
  endedAt: null,
  runMs: 0,
  attemptRunMs: 0,
  pausedMs: 0,
  exitCode: null,
  signal: null,
  result: null,
  error: null,
  checkpoint: null,
};

/** The slots of the queues that this transaction has already read. */
type SlotsCache = Map<string, number | null>;

/** Throws `QueueNotFound`, or `InvalidParams` if the queue has too few slots for the task. */
export function* requireSlots(
  ctx: Context,
  { queue, slots }: Pick<Seed, "queue" | "slots">,
  cache: SlotsCache = new Map(),
): Op<void> {
  if (!cache.has(queue)) {
    const row = yield* ctx.row("select slots from queues where name = ?", queue);
    if (!row) throw new AgentctlError("QueueNotFound", { queue });
    cache.set(queue, row.slots as number | null);
  }
  requireFit({ queue, slots }, cache.get(queue) ?? null);
}
