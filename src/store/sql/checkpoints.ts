import { createHash } from "node:crypto";
import { AgentctlError } from "../../core/errors.ts";
import type { CheckpointInfo, Task } from "../../core/task.ts";
import type { Carried, NewCheckpoint } from "../store.ts";
import { addArtifact } from "./attempts.ts";
import type { ActiveAttempt, Context, Op } from "./context.ts";
import { add as addMessage } from "./inbox.ts";
import { insertStep, keep as keepForStep, lastPosition, markUnused } from "./journal.ts";
import { toCheckpoint } from "./rows.ts";

const INFO_COLUMNS = "seq, attempt, size, sha256, created_at, label, position, base, superseded";

/** Stores a checkpoint of a live attempt, makes it the task's newest, and deletes those beyond `keep`. */
export function* save(
  ctx: Context,
  live: ActiveAttempt,
  checkpoint: NewCheckpoint,
  keep: number,
): Op<CheckpointInfo> {
  if (checkpoint.nonce !== null) {
    const existing = yield* ctx.row(
      `select ${INFO_COLUMNS} from checkpoints where task_id = ? and nonce = ?`,
      live.taskId,
      checkpoint.nonce,
    );
    if (existing) return toCheckpoint(existing);
  }
  const newest = yield* ctx.row("select max(seq) as seq from checkpoints where task_id = ?", live.taskId);
  const seq = ((newest?.seq as number | null) ?? 0) + 1;
  const info: CheckpointInfo = {
    seq,
    attempt: live.n,
    size: checkpoint.data.length,
    sha256: sha256(checkpoint.data),
    createdAt: checkpoint.at,
    label: checkpoint.label,
    position: yield* lastPosition(ctx, live.taskId),
    base: checkpoint.base === "own" ? seq : checkpoint.base,
    superseded: false,
  };
  yield* insert(ctx, live.taskId, info, checkpoint.data, checkpoint.nonce);
  yield* prune(ctx, live.taskId, keep);
  yield* markUnused(ctx, live, checkpoint.unused ?? []);
  if (checkpoint.base === "own") yield* moveKept(ctx, live, seq, checkpoint.kept ?? []);
  const task = yield* ctx.task(live.taskId);
  // The host of an agent saves whenever something changes, and reports itself what counts as progress.
  const losses = task.kind === "agent" ? task.losses : 0;
  yield* ctx.write(task, { ...task, checkpoint: info, losses, updatedAt: checkpoint.at });
  return info;
}

/** Gives a new task the checkpoint, journal, messages and artifacts of another one. */
export function* takeOver(ctx: Context, task: Task, carried: Carried): Op<Task> {
  const { checkpoint, steps, kept = [], messages = [], artifacts = [] } = carried;
  for (const step of steps) yield* insertStep(ctx, task.id, step);
  if (checkpoint) yield* insert(ctx, task.id, checkpoint.info, checkpoint.data, null);
  for (const value of kept) yield* keepForStep(ctx, { taskId: task.id, n: 0 }, value);
  for (const message of messages) yield* addMessage(ctx, task.id, message);
  for (const artifact of artifacts) yield* addArtifact(ctx, { taskId: task.id, n: 0 }, artifact);
  const journaled = steps.length + kept.length > 0;
  return yield* ctx.write(task, { ...task, checkpoint: checkpoint?.info ?? null, journaled });
}

/** Writes one row of `checkpoints`. */
function* insert(
  ctx: Context,
  id: number,
  info: CheckpointInfo,
  data: Buffer,
  nonce: string | null,
): Op<void> {
  yield* ctx.run(
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

/** Moves what running steps keep to the new checkpoint, because names are counted from there on. */
function* moveKept(
  ctx: Context,
  live: ActiveAttempt,
  base: number,
  kept: NonNullable<NewCheckpoint["kept"]>,
): Op<void> {
  yield* ctx.run("delete from kept where task_id = ?", live.taskId);
  for (const value of kept) yield* keepForStep(ctx, live, { ...value, base });
}

function* prune(ctx: Context, id: number, keep: number): Op<void> {
  yield* ctx.run(
    `delete from checkpoints where task_id = ? and seq not in
     (select seq from checkpoints where task_id = ? order by superseded, seq desc limit ?)`,
    id,
    id,
    keep,
  );
}

export function* list(ctx: Context, id: number): Op<CheckpointInfo[]> {
  return (yield* ctx.rows(`select ${INFO_COLUMNS} from checkpoints where task_id = ? order by seq`, id)).map(
    toCheckpoint,
  );
}

/** Returns the bytes of a checkpoint after checking them against their checksum. */
export function* data(ctx: Context, id: number, seq: number): Op<Buffer> {
  const data = yield* readChecked(ctx, id, seq);
  if (Buffer.isBuffer(data)) return data;
  if (data === "missing")
    throw new AgentctlError("CheckpointNotFound", { id, state: (yield* ctx.task(id)).state, seq });
  const good = yield* newestWhole(ctx, id, seq);
  const reason = "its bytes do not fit their checksum";
  throw new AgentctlError("CheckpointCorrupt", {
    id,
    state: (yield* ctx.task(id)).state,
    seq,
    good: good?.seq ?? null,
    reason,
  });
}

/** Returns the newest checkpoint other than `exceptSeq` from which a task can continue. */
function* newestWhole(ctx: Context, id: number, exceptSeq: number): Op<CheckpointInfo | undefined> {
  for (const info of (yield* list(ctx, id)).reverse()) {
    if (info.seq === exceptSeq || info.superseded) continue;
    if (Buffer.isBuffer(yield* readChecked(ctx, id, info.seq))) return info;
  }
  return undefined;
}

function* readChecked(ctx: Context, id: number, seq: number): Op<Buffer | "missing" | "corrupt"> {
  const row = yield* ctx.row(
    "select data, size, sha256 from checkpoints where task_id = ? and seq = ?",
    id,
    seq,
  );
  if (!row) return "missing";
  const data = Buffer.isBuffer(row.data) ? row.data : Buffer.from(String(row.data ?? ""));
  return data.length === row.size && sha256(data) === row.sha256 ? data : "corrupt";
}

/** Returns checkpoint `seq`, or null for 0, the beginning. Throws `CheckpointNotFound` for any other number. */
export function* chosenCheckpoint(ctx: Context, { id, state }: Task, seq: number): Op<CheckpointInfo | null> {
  if (seq === 0) return null;
  const row = yield* ctx.row(
    `select ${INFO_COLUMNS} from checkpoints where task_id = ? and seq = ?`,
    id,
    seq,
  );
  if (!row) throw new AgentctlError("CheckpointNotFound", { id, state, seq });
  return toCheckpoint(row);
}

/** Deletes the steps after a checkpoint, and supersedes later checkpoints; null means the beginning. */
export function* forgetAfter(ctx: Context, id: number, chosen: CheckpointInfo | null): Op<void> {
  const { seq, position } = chosen ?? { seq: 0, position: 0 };
  yield* ctx.run("delete from steps where task_id = ? and position > ?", id, position);
  yield* ctx.run("delete from kept where task_id = ? and checkpoint >= ?", id, seq);
  yield* ctx.run("update messages set position = null where task_id = ? and position > ?", id, position);
  yield* ctx.run("update checkpoints set superseded = 1 where task_id = ? and seq > ?", id, seq);
  yield* ctx.run("update checkpoints set superseded = 0 where task_id = ? and seq = ?", id, seq);
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
