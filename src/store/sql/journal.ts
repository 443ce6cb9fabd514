import { AgentctlError } from "../../core/errors.ts";
import type { Kept, Question, Step, StepKey, StepName, Task } from "../../core/task.ts";
import type { JournalPart } from "../store.ts";
import type { ActiveAttempt, Context, Op } from "./context.ts";
import { toStep } from "./rows.ts";

const STEP_COLUMNS =
  "kind, name, n, base, position, call, alone, attempt, started_at, ended_at, size, unused";

/** Returns how many steps of a task are acknowledged: the place in the journal that a checkpoint marks. */
export function* lastPosition(ctx: Context, id: number): Op<number> {
  const row = yield* ctx.row("select coalesce(max(position), 0) as place from steps where task_id = ?", id);
  return row?.place as number;
}

/** Acknowledges a call, unless its key is already journaled. */
export function* acknowledge(
  ctx: Context,
  live: ActiveAttempt,
  step: Omit<Step, "position" | "attempt">,
): Op<{ result: string; added: boolean }> {
  const existing = yield* journaledResult(ctx, live.taskId, step);
  if (existing !== null) return { result: existing, added: false };
  const position = (yield* lastPosition(ctx, live.taskId)) + 1;
  yield* insertStep(ctx, live.taskId, { ...step, position, attempt: live.n });
  yield* forgetKept(ctx, live.taskId, [step]);
  yield* recordProgress(ctx, live);
  return { result: step.result, added: true };
}

const SKIP_EXISTING = "on conflict (task_id, base, kind, name, n) do nothing";

/** Acknowledges calls in their order, except those whose key is already journaled. */
export function* acknowledgeAll(
  ctx: Context,
  live: ActiveAttempt,
  steps: readonly Omit<Step, "position" | "attempt">[],
): Op<void> {
  let position = (yield* lastPosition(ctx, live.taskId)) + 1;
  for (const step of steps) {
    if (yield* insertStep(ctx, live.taskId, { ...step, position, attempt: live.n }, SKIP_EXISTING))
      position++;
  }
  yield* forgetKept(ctx, live.taskId, steps);
  yield* recordProgress(ctx, live);
}

function* recordProgress(ctx: Context, { taskId }: ActiveAttempt): Op<void> {
  yield* ctx.run(
    "update tasks set losses = case when kind = 'agent' then losses else 0 end, journaled = 1 where id = ? and (losses > 0 or journaled = 0)",
    taskId,
  );
}

/** Writes one row of `steps`; returns whether it did. */
export function* insertStep(ctx: Context, id: number, step: Step, onConflict = ""): Op<boolean> {
  const changes = yield* ctx.run(
    `insert into steps (task_id, ${STEP_COLUMNS}, result) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ${onConflict}`,
    id,
    step.kind,
    step.name,
    step.n,
    step.base,
    step.position,
    step.call,
    step.alone ? 1 : 0,
    step.attempt,
    step.startedAt,
    step.endedAt,
    step.size,
    step.unused ? 1 : 0,
    step.result,
  );
  return changes > 0;
}

/** Deletes what steps kept: they have their results now. */
function* forgetKept(ctx: Context, id: number, steps: readonly StepKey[]): Op<void> {
  if (!(yield* ctx.row("select 1 from kept where task_id = ?", id))) return;
  const sql = "delete from kept where task_id = ? and base = ? and name = ? and n = ?";
  for (const { kind, base, name, n } of steps) if (kind === "step") yield* ctx.run(sql, id, base, name, n);
}

/** Keeps a value for a step that has not ended; a step with an acknowledged result keeps nothing. */
export function* keep(ctx: Context, { taskId }: ActiveAttempt, { base, name, n, value }: Kept): Op<void> {
  if ((yield* journaledResult(ctx, taskId, { kind: "step", base, name, n })) !== null) return;
  yield* ctx.run(
    `insert into kept (task_id, base, name, n, value, checkpoint)
     values (?, ?, ?, ?, ?, (select coalesce(max(seq), 0) from checkpoints where task_id = ?))
     on conflict (task_id, base, name, n) do update
     set value = excluded.value, checkpoint = excluded.checkpoint`,
    taskId,
    base,
    name,
    n,
    value,
    taskId,
  );
  yield* ctx.run("update tasks set journaled = 1 where id = ? and journaled = 0", taskId);
}

export function* listKept(ctx: Context, id: number): Op<Kept[]> {
  return (yield* ctx.rows(
    "select base, name, n, value from kept where task_id = ?",
    id,
  )) as unknown as Kept[];
}

/** Marks journaled steps that the module did not request again. */
export function* markUnused(ctx: Context, { taskId }: ActiveAttempt, steps: readonly StepName[]): Op<void> {
  const sql =
    "update steps set unused = 1 where task_id = ? and kind = 'step' and base = ? and name = ? and n = ?";
  for (const { base, name, n } of steps) yield* ctx.run(sql, taskId, base, name, n);
}

function* journaledResult(ctx: Context, id: number, key: StepKey): Op<string | null> {
  const row = yield* ctx.row(
    "select result from steps where task_id = ? and base = ? and kind = ? and name = ? and n = ?",
    id,
    key.base,
    key.kind,
    key.name,
    key.n,
  );
  return (row?.result as string | undefined) ?? null;
}

export function* journal(ctx: Context, id: number): Op<Step[]> {
  return (yield* ctx.rows(
    `select ${STEP_COLUMNS}, result from steps where task_id = ? order by position`,
    id,
  )).map(toStep);
}

/** The calls that a module may request: those since its top, and those since the checkpoint from which it continues. */
const REQUESTABLE = "task_id = ? and base in (0, ?)";

export function* journalPart(
  ctx: Context,
  id: number,
  { base, after, maxBytes }: { base: number; after: number; maxBytes: number },
): Op<JournalPart> {
  const totalBytes = (yield* ctx.row(
    `select coalesce(sum(size), 0) as bytes from steps where ${REQUESTABLE}`,
    id,
    base,
  ))?.bytes as number;
  // All results together may not fit in memory, so read their sizes first.
  const sizes = yield* ctx.rows(
    `select position, size from steps where ${REQUESTABLE} and position > ? order by position`,
    id,
    base,
    after,
  );
  let bytes = 0;
  const first = sizes.findIndex((row, index) => {
    bytes += row.size as number;
    return index > 0 && bytes > maxBytes;
  });
  const last = sizes.at(first === -1 ? -1 : first - 1)?.position ?? after;
  const rows = yield* ctx.rows(
    `select ${STEP_COLUMNS}, result from steps where ${REQUESTABLE} and position > ? and position <= ? order by position`,
    id,
    base,
    after,
    last,
  );
  return { steps: rows.map(toStep), next: first === -1 ? null : (last as number), totalBytes };
}

export function* stepsOf(ctx: Context, id: number): Op<Step[]> {
  return (yield* ctx.rows(`select ${STEP_COLUMNS} from steps where task_id = ? order by position`, id)).map(
    toStep,
  );
}

/**
 * Checks a journal up to a position in it: no call may be missing, and every result must be readable. Throws
 * `CheckpointCorrupt` without `seq`, with `step` if it is known and with `good`, the newest checkpoint before the
 * fault.
 */
export function* requireWhole(ctx: Context, id: number, upTo = Number.MAX_SAFE_INTEGER): Op<void> {
  const unreadable = yield* ctx.row(
    "select position, name from steps where task_id = ? and position <= ? and result <> '' and not json_valid(result) order by position limit 1",
    id,
    upTo,
  );
  const missing = yield* ctx.row(
    `select min(place) as position from
       (select position, row_number() over (order by position) as place from steps where task_id = ? and position <= ?)
       as numbered
     where position <> place`,
    id,
    upTo,
  );
  const [step, position] = [
    unreadable?.name as string | undefined,
    unreadable?.position ?? missing?.position ?? null,
  ];
  if (position === null) return;
  const good = yield* ctx.row(
    "select max(seq) as seq from checkpoints where task_id = ? and superseded = 0 and position < ?",
    id,
    position as number,
  );
  const reason =
    step === undefined
      ? `its call ${position} is missing`
      : `the result of step ${JSON.stringify(step)} cannot be read`;
  const details = { step: step ?? null, good: good?.seq ?? null, reason };
  throw new AgentctlError("CheckpointCorrupt", { id, state: (yield* ctx.task(id)).state, ...details });
}

/** Delivers the messages that were not delivered yet. If the key is already journaled, returns those delivered then. */
export function* takeMessages(
  ctx: Context,
  live: ActiveAttempt,
  key: (StepKey & { call: number; alone: boolean }) | null,
  at: number,
): Op<string[]> {
  const existing = key ? yield* journaledResult(ctx, live.taskId, key) : null;
  if (existing !== null) return JSON.parse(existing) as string[];
  // A task with a pipe for stdin reads its messages there.
  const waiting =
    (yield* ctx.task(live.taskId)).stdin === "pipe"
      ? []
      : yield* ctx.rows(
          "select id, text from messages where task_id = ? and position is null order by id",
          live.taskId,
        );
  const texts = waiting.map((row) => row.text as string);
  let position = -1;
  if (key) {
    const result = JSON.stringify(texts);
    const times = { startedAt: at, endedAt: at, size: Buffer.byteLength(result) };
    yield* acknowledge(ctx, live, { ...key, ...times, result });
    position = yield* lastPosition(ctx, live.taskId);
  }
  for (const row of waiting)
    yield* ctx.run("update messages set position = ? where id = ?", position, row.id);
  return texts;
}

/** Opens a question, or returns its journaled answer. Throws if another question is open. */
export function* openQuestion(ctx: Context, live: ActiveAttempt, question: Question): Op<string | null> {
  const existing = yield* journaledResult(ctx, live.taskId, question.key);
  if (existing !== null) return JSON.parse(existing) as string;
  const task = yield* ctx.task(live.taskId);
  if (task.question) {
    if (JSON.stringify(task.question.key) === JSON.stringify(question.key)) return null;
    if (isMoved(task.question, question)) {
      yield* ctx.write(task, {
        ...task,
        question: { ...task.question, key: question.key, call: question.call },
      });
      return null;
    }
    const reason = `task ${task.id} has a question open: ${JSON.stringify(task.question.prompt)}`;
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason });
  }
  yield* ctx.write(task, { ...task, question, journaled: true, updatedAt: question.at });
  return null;
}

/** Returns whether this is the same question at another place: a checkpoint was saved while it waited. */
function isMoved(open: Question, repeated: Question): boolean {
  return open.key.base !== repeated.key.base && open.prompt === repeated.prompt;
}

/** Journals the answer to the open question of `task`; returns the task without its question. */
export function* journalAnswer(
  ctx: Context,
  task: Task,
  question: Question,
  text: string,
  at: number,
): Op<Task> {
  const result = JSON.stringify(text);
  yield* insertStep(ctx, task.id, {
    ...question.key,
    position: (yield* lastPosition(ctx, task.id)) + 1,
    call: question.call,
    alone: question.alone,
    attempt: task.attempt,
    startedAt: question.at,
    endedAt: at,
    size: Buffer.byteLength(result),
    result,
  });
  return yield* ctx.write(task, { ...task, question: null, losses: 0, updatedAt: at });
}
