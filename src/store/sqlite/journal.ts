import { createHash } from "node:crypto";
import { AgentctlError } from "../../core/errors.ts";
import type { CheckpointInfo, Question, Step, StepKey, Task } from "../../core/task.ts";
import type { NewCheckpoint } from "../store.ts";
import type { Context, Live } from "./context.ts";
import { toCheckpoint, toStep } from "./rows.ts";

const INFO = "seq, attempt, size, sha256, created_at, label, position, base, superseded";
const STEP = "kind, name, n, base, position, call, alone, attempt, started_at, ended_at, size";

/** How many steps of a task are acknowledged: the place in the journal that a checkpoint marks. */
function place(ctx: Context, id: number): number {
  const row = ctx.row("select coalesce(max(position), 0) as place from steps where task_id = ?", id);
  return row?.place as number;
}

/** Stores a checkpoint of a live attempt, makes it the task's newest, and drops those beyond `keep`. */
export function saveCheckpoint(ctx: Context, live: Live, given: NewCheckpoint, keep: number): CheckpointInfo {
  if (given.nonce !== null) {
    const known = ctx.row(
      `select ${INFO} from checkpoints where task_id = ? and nonce = ?`,
      live.taskId,
      given.nonce,
    );
    if (known) return toCheckpoint(known);
  }
  const newest = ctx.row("select max(seq) as seq from checkpoints where task_id = ?", live.taskId);
  const seq = ((newest?.seq as number | null) ?? 0) + 1;
  const info: CheckpointInfo = {
    seq,
    attempt: live.n,
    size: given.data.length,
    sha256: sha256(given.data),
    createdAt: given.at,
    label: given.label,
    position: place(ctx, live.taskId),
    base: given.base === "own" ? seq : given.base,
    superseded: false,
  };
  insertCheckpoint(ctx, live.taskId, info, given.data, given.nonce);
  prune(ctx, live.taskId, keep);
  const task = ctx.task(live.taskId);
  ctx.write(task, { ...task, checkpoint: info, losses: 0, updatedAt: given.at });
  return info;
}

/** Writes one row of `checkpoints`. */
export function insertCheckpoint(
  ctx: Context,
  id: number,
  info: CheckpointInfo,
  data: Buffer,
  nonce: string | null,
): void {
  ctx.run(
    `insert into checkpoints (task_id, seq, attempt, data, size, sha256, created_at, label, nonce, position, base, superseded)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    info.seq,
    info.attempt,
    data,
    info.size,
    info.sha256,
    info.createdAt,
    info.label,
    nonce,
    info.position,
    info.base,
    info.superseded ? 1 : 0,
  );
}

function prune(ctx: Context, id: number, keep: number): void {
  ctx.run(
    `delete from checkpoints where task_id = ? and seq not in
     (select seq from checkpoints where task_id = ? order by superseded, seq desc limit ?)`,
    id,
    id,
    keep,
  );
}

export function checkpoints(ctx: Context, id: number): CheckpointInfo[] {
  return ctx.rows(`select ${INFO} from checkpoints where task_id = ? order by seq`, id).map(toCheckpoint);
}

/** The bytes of a checkpoint, held to their checksum. */
export function checkpointData(ctx: Context, id: number, seq: number): Buffer {
  const data = whole(ctx, id, seq);
  if (Buffer.isBuffer(data)) return data;
  if (data === "missing")
    throw new AgentctlError("CheckpointNotFound", { id, state: ctx.task(id).state, seq });
  const good = checkpoints(ctx, id)
    .filter((info) => info.seq !== seq && !info.superseded && Buffer.isBuffer(whole(ctx, id, info.seq)))
    .at(-1);
  const reason = "its bytes do not fit their checksum";
  throw new AgentctlError("CheckpointCorrupt", {
    id,
    state: ctx.task(id).state,
    seq,
    good: good?.seq ?? null,
    reason,
  });
}

function whole(ctx: Context, id: number, seq: number): Buffer | "missing" | "corrupt" {
  const row = ctx.row("select data, size, sha256 from checkpoints where task_id = ? and seq = ?", id, seq);
  if (!row) return "missing";
  const data = Buffer.isBuffer(row.data) ? row.data : Buffer.from(String(row.data ?? ""));
  return data.length === row.size && sha256(data) === row.sha256 ? data : "corrupt";
}

/** Forgets the steps after checkpoint `seq` and supersedes later checkpoints; 0 forgets all of them. */
export function forgetAfter(ctx: Context, id: number, seq: number): void {
  const chosen = ctx.row(`select ${INFO} from checkpoints where task_id = ? and seq = ?`, id, seq);
  const position = (chosen?.position as number | undefined) ?? 0;
  ctx.run("delete from steps where task_id = ? and position > ?", id, position);
  ctx.run("update messages set position = null where task_id = ? and position > ?", id, position);
  ctx.run("update checkpoints set superseded = 1 where task_id = ? and seq > ?", id, seq);
  ctx.run("update checkpoints set superseded = 0 where task_id = ? and seq = ?", id, seq);
  const task = ctx.task(id);
  const checkpoint = chosen ? { ...toCheckpoint(chosen), superseded: false } : null;
  ctx.write(task, { ...task, checkpoint, journaled: position > 0, progress: chosen ? task.progress : null });
}

/** Acknowledges a call, unless its key is journaled already. */
export function acknowledge(
  ctx: Context,
  live: Live,
  step: Omit<Step, "position" | "attempt">,
): { result: string; added: boolean } {
  const known = journaled(ctx, live.taskId, step);
  if (known !== null) return { result: known, added: false };
  const position = place(ctx, live.taskId) + 1;
  insertStep(ctx, live.taskId, { ...step, position, attempt: live.n });
  ctx.run(
    "update tasks set losses = 0, journaled = 1 where id = ? and (losses > 0 or journaled = 0)",
    live.taskId,
  );
  return { result: step.result, added: true };
}

/** Writes one row of `steps`. */
export function insertStep(ctx: Context, id: number, step: Step): void {
  ctx.run(
    `insert into steps (task_id, ${STEP}, result) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    step.result,
  );
}

function journaled(ctx: Context, id: number, key: StepKey): string | null {
  const row = ctx.row(
    "select result from steps where task_id = ? and base = ? and kind = ? and name = ? and n = ?",
    id,
    key.base,
    key.kind,
    key.name,
    key.n,
  );
  return (row?.result as string | undefined) ?? null;
}

export function journal(ctx: Context, id: number): Step[] {
  return ctx.rows(`select ${STEP}, result from steps where task_id = ? order by position`, id).map(toStep);
}

export function stepsOf(ctx: Context, id: number): Step[] {
  return ctx.rows(`select ${STEP} from steps where task_id = ? order by position`, id).map(toStep);
}

/** Delivers what was sent and not delivered yet; under a key that is journaled, what was delivered then. */
export function takeMessages(
  ctx: Context,
  live: Live,
  key: (StepKey & { call: number; alone: boolean }) | null,
  at: number,
): string[] {
  const known = key ? journaled(ctx, live.taskId, key) : null;
  if (known !== null) return JSON.parse(known) as string[];
  const waiting = ctx.rows(
    "select id, text from messages where task_id = ? and position is null order by id",
    live.taskId,
  );
  const texts = waiting.map((row) => row.text as string);
  let position = -1;
  if (key) {
    const result = JSON.stringify(texts);
    const times = { startedAt: at, endedAt: at, size: Buffer.byteLength(result) };
    acknowledge(ctx, live, { ...key, ...times, result });
    position = place(ctx, live.taskId);
  }
  for (const row of waiting) ctx.run("update messages set position = ? where id = ?", position, row.id);
  return texts;
}

/** Opens a question, or answers it from the journal. A second one while one is open is refused. */
export function openQuestion(ctx: Context, live: Live, question: Question): string | null {
  const known = journaled(ctx, live.taskId, question.key);
  if (known !== null) return JSON.parse(known) as string;
  const task = ctx.task(live.taskId);
  if (task.question) {
    if (JSON.stringify(task.question.key) === JSON.stringify(question.key)) return null;
    if (isMoved(task.question, question)) {
      ctx.write(task, { ...task, question: { ...task.question, key: question.key, call: question.call } });
      return null;
    }
    const reason = `task ${task.id} has a question open: ${JSON.stringify(task.question.prompt)}`;
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason });
  }
  ctx.write(task, { ...task, question, journaled: true, updatedAt: question.at });
  return null;
}

/** A checkpoint that was saved while the question waited stands before it: the same question has another place. */
function isMoved(open: Question, again: Question): boolean {
  return open.key.base !== again.key.base && open.prompt === again.prompt;
}

/** Journals the answer of the open question of `task`; answers the task without its question. */
export function journalAnswer(ctx: Context, task: Task, question: Question, text: string, at: number): Task {
  const result = JSON.stringify(text);
  insertStep(ctx, task.id, {
    ...question.key,
    position: place(ctx, task.id) + 1,
    call: question.call,
    alone: question.alone,
    attempt: task.attempt,
    startedAt: question.at,
    endedAt: at,
    size: Buffer.byteLength(result),
    result,
  });
  return ctx.write(task, { ...task, question: null, losses: 0, updatedAt: at });
}

export function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
