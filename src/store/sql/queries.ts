import { AgentctlError } from "../../core/errors.ts";
import { type State, states } from "../../core/machine.ts";
import { isPattern } from "../../core/references.ts";
import type { Task } from "../../core/task.ts";
import type { Artifact, EndedTask, ListQuery } from "../store.ts";
import type { Context, Op } from "./context.ts";
import { projectionOf } from "./rows.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Returns names as a list of SQL literals. The names are constants of ours, never input. */
export const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(", ") || "null";

/** Returns the task of an id, a uuid, a name or a key; for a name the open task, else the one that ended last. */
export function* find(ctx: Context, ref: string | number | { key: string }): Op<Task | undefined> {
  // PostgreSQL accepts no such text, and no task has it.
  if (String(typeof ref === "object" ? ref.key : ref).includes("\0")) return undefined;
  if (typeof ref === "object") return yield* ctx.firstTask("tasks where key = ?", ref.key);
  if (typeof ref === "number" || /^\d+$/.test(ref)) {
    const id = Number(ref);
    return Number.isSafeInteger(id) ? yield* ctx.firstTask("tasks where id = ?", id) : undefined;
  }
  if (UUID.test(ref)) {
    const task = yield* ctx.firstTask("tasks where uuid = ?", ref.toLowerCase());
    if (task) return task;
  }
  const open = yield* ctx.tasks("tasks where name = ? and ended_at is null order by id", [ref]);
  if (open.length > 1) {
    throw new AgentctlError("AmbiguousName", {
      id: ref,
      state: null,
      candidates: open.map((task) => task.id),
    });
  }
  return (
    open[0] ?? (yield* ctx.firstTask("tasks where name = ? order by ended_at desc, id desc limit 1", ref))
  );
}

/** Returns tasks by id, oldest first. Throws `QueueNotFound` for a queue that neither exists nor has tasks left. */
export function* list(ctx: Context, query: ListQuery): Op<Task[]> {
  const tasks = yield* matching(ctx, query);
  if (tasks.length === 0 && query.queue !== undefined) yield* requireQueue(ctx, query.queue);
  return tasks;
}

function* requireQueue(ctx: Context, queue: string): Op<void> {
  const sql = "select 1 from queues where name = ? union all select 1 from tasks where queue = ? limit 1";
  if (!(yield* ctx.row(sql, queue, queue))) throw new AgentctlError("QueueNotFound", { queue });
}

/** The same condition as in the index `tasks_limited`. */
const LIMITED = "json_extract(agent_report, '$.limit.resetsAt') is not null";

function* matching(ctx: Context, query: ListQuery): Op<Task[]> {
  const where = ["true"];
  const params: (string | number)[] = [];
  const addCondition = (condition: string, ...values: (string | number)[]) => {
    where.push(condition);
    params.push(...values);
  };
  if (query.states) addCondition(`state in (${quoted(query.states)})`);
  if (query.queue !== undefined) addCondition("queue = ?", query.queue);
  if (query.name !== undefined)
    addCondition(isPattern(query.name) ? "glob(?, name)" : "name = ?", query.name);
  if (query.on !== undefined)
    addCondition("machine is not null and fits(?, machine)", JSON.stringify([query.on]));
  if (query.account !== undefined) addCondition("account = ? and ended_at is null", query.account);
  if (query.limited) addCondition(LIMITED);
  if (query.since !== undefined) addCondition("created_at >= ?", query.since);
  for (const [key, value] of Object.entries(query.labels ?? {})) {
    addCondition("exists (select 1 from json_each(labels) where key = ? and value = ?)", key, value);
  }
  const filter = where.join(" and ");
  const { afterId: after = 0, limit } = query;
  const projection = query.fields && projectionOf(query.fields);
  if (query.recent === undefined) {
    const source = `tasks where id > ? and ${filter} order by id limit ?`;
    return yield* ctx.tasks(source, [after, ...params, limit], projection);
  }
  // Choose the most recently ended tasks before paging; otherwise every page would add its own.
  const source = `(select * from tasks where ended_at is null and id > ? and ${filter}
    union all select * from (select * from tasks where ended_at is not null and ${filter}
      order by ended_at desc, id desc limit ?) as latest) as found
    where id > ? order by id limit ?`;
  return yield* ctx.tasks(source, [after, ...params, ...params, query.recent, after, limit], projection);
}

export function* unfinished(ctx: Context, afterId: number, limit: number): Op<Task[]> {
  const machineCondition = ctx.machine === null ? "" : "and (machine is null or machine = ?)";
  const machineParams = ctx.machine === null ? [] : [ctx.machine];
  const source = `tasks where id > ? ${machineCondition} and (state = 'working' or (state in ('suspended', 'resumed') and
    (frozen = 1 or (state = 'suspended' and json_extract(pause, '$.cause') = 'shutdown')))) order by id limit ?`;
  return yield* ctx.tasks(source, [afterId, ...machineParams, limit]);
}

export function* waitingMessages(ctx: Context): Op<Map<number, number>> {
  const sql = "select task_id, max(id) as newest from messages where position is null group by task_id";
  return new Map((yield* ctx.rows(sql)).map((row) => [row.task_id as number, row.newest as number]));
}

export function* ended(ctx: Context, after: EndedTask | null, limit: number): Op<EndedTask[]> {
  const sql = `select id, ended_at as "endedAt" from tasks
    where ended_at is not null and (ended_at, id) < (?, ?) order by ended_at desc, id desc limit ?`;
  const { endedAt, id } = after ?? { endedAt: Number.MAX_SAFE_INTEGER, id: 0 };
  return (yield* ctx.rows(sql, endedAt, id, limit)) as unknown as EndedTask[];
}

export function* counts(ctx: Context): Op<Record<State, number>> {
  const countByState = new Map(
    (yield* ctx.rows("select state, count(*) as n from tasks group by state")).map((row) => [
      row.state,
      row.n,
    ]),
  );
  return Object.fromEntries(
    states.map((state) => [state, (countByState.get(state) as number) ?? 0]),
  ) as Record<State, number>;
}

export function* artifacts(ctx: Context, id: number): Op<Artifact[]> {
  return (yield* ctx.rows("select * from artifacts where task_id = ? order by created_at, name", id)).map(
    (row) => ({
      taskId: id,
      name: row.name as string,
      size: row.size as number,
      sha256: row.sha256 as string,
      createdAt: row.created_at as number,
      machine: row.machine as string | null,
    }),
  );
}

/** Returns the environments that an open task or a schedule uses. */
export function* usedEnvironments(ctx: Context): Op<Set<string>> {
  const rows = yield* ctx.rows(
    "select env_hash from tasks where ended_at is null union select env_hash from schedules",
  );
  return new Set(rows.map((row) => row.env_hash as string));
}

/** Returns the environments of these tasks that neither an open task nor a schedule uses. */
export function* unusedEnvironments(ctx: Context, ids: readonly number[]): Op<Set<string>> {
  const sql = `select 1 from tasks where env_hash = ? and ended_at is null
     union all select 1 from schedules where env_hash = ? limit 1`;
  const unused = new Set<string>();
  for (const id of ids) {
    const hash = (yield* ctx.row("select env_hash from tasks where id = ?", id))?.env_hash as
      | string
      | undefined;
    if (hash !== undefined && !(yield* ctx.row(sql, hash, hash))) unused.add(hash);
  }
  return unused;
}

/** Returns whether a task has this id or key. */
export function* has(ctx: Context, ref: number | { key: string }): Op<boolean> {
  const [column, value] = typeof ref === "number" ? ["id", ref] : ["key", ref.key];
  return (yield* ctx.row(`select 1 from tasks where ${column} = ?`, value)) !== undefined;
}
