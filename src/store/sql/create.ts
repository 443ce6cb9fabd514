/** New tasks: what a task is that was just submitted, and what else of it is kept with it. */
import { AgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import { endOfDependent } from "../rules/dependencies.ts";
import type { Seed } from "../store.ts";
import { takeOver } from "./checkpoints.ts";
import type { Context, Op } from "./context.ts";
import * as events from "./events.ts";
import { keepStdin } from "./inbox.ts";
import { moveOne, requireSession, standingOf } from "./moves.ts";
import type { QueueRoom } from "./queue-room.ts";
import { blankTask, taskWith } from "./rows.ts";

/** Inserts the tasks of `seeds` with their first events; a seed whose key exists is answered with its task. */
export function* createAll(
  ctx: Context,
  seeds: readonly Seed[],
  room: QueueRoom,
): Op<{ task: Task; created: boolean }[]> {
  const made: { task: Task; created: boolean }[] = [];
  for (const seed of seeds) {
    const placed = seed.after.map((one) => ({ ...one, id: madeBefore(one.id, made) ?? one.id }));
    // An earlier line whose key exists may be a task that is named by its id, too.
    const after = placed.filter(({ id }, at) => placed.findIndex((one) => one.id === id) === at);
    made.push(yield* create(ctx, seed, after, room));
  }
  return made;
}

/** The id of what was made at that place of the same batch, which an id below zero means: see `placeInBatch`. */
function madeBefore(id: number, made: readonly { task: Task }[]): number | undefined {
  return id < 0 ? made[-id - 1]?.task.id : undefined;
}

function* create(
  ctx: Context,
  seed: Seed,
  after: Seed["after"],
  room: QueueRoom,
): Op<{ task: Task; created: boolean }> {
  const existing =
    seed.key === null ? undefined : yield* ctx.row("select id from tasks where key = ?", seed.key);
  if (existing) return { task: yield* ctx.task(existing.id as number), created: false };
  const { at, actor, carried, paused, placed, stdinData, envNames = [], account = null } = seed;
  const { delay = seed.notBefore === null ? null : ("time" as const) } = seed;
  yield* requireSlots(ctx, seed);
  yield* requireSession(ctx, seed.sessionKey);
  yield* room.admit(ctx, seed.queue, at);
  for (const { id } of after) yield* ctx.task(id);
  const { blockedBy, open, broken } = yield* standingOf(ctx, after);
  const inserted = yield* ctx.insert({
    ...taskWith(untouched, seed),
    ...(paused ? { ...paused, state: "suspended" } : {}),
    after,
    envNames,
    blockedBy,
    delay,
    account,
    createdAt: at,
    updatedAt: at,
    phaseAt: at,
  });
  const task = placed ? yield* ctx.write(inserted, { ...inserted, ...placed(inserted.id) }) : inserted;
  if (stdinData) yield* keepStdin(ctx, task.id, stdinData);
  for (const on of open)
    yield* ctx.run(
      "insert into dependencies (on_id, task_id) values (?, ?) on conflict do nothing",
      on,
      task.id,
    );
  const cause = paused ? "import" : "run";
  const first = { cause, attempt: null, from: null, to: task.state, data: null } as const;
  yield* events.append(ctx, { ...first, at, actor, task: task.id });
  const begun = carried ? yield* takeOver(ctx, task, carried) : task;
  return { task: broken ? yield* moveOne(ctx, endOfDependent(begun, broken, at)) : begun, created: true };
}

const untouched: Task = {
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

/** A task that takes more slots than its queue has would never start. A queue without slots is one that is stopped. */
export function* requireSlots(ctx: Context, { queue, slots }: Pick<Seed, "queue" | "slots">): Op<void> {
  const row = yield* ctx.row("select slots from queues where name = ?", queue);
  if (!row) throw new AgentctlError("QueueNotFound", { queue });
  const most = row.slots as number | null;
  if (most === null || slots <= Math.max(1, most)) return;
  const reason = `${slots} are more slots than queue ${queue} has: ${most}`;
  const hint = `agentctl queue set ${queue} --slots ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, queue, slots: most }, { hint });
}
