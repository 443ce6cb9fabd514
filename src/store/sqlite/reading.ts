import { AgentctlError } from "../../core/errors.ts";
import { type State, states } from "../../core/machine.ts";
import { isPattern } from "../../core/references.ts";
import type { Task } from "../../core/task.ts";
import type { Artifact, EndedTask, ListQuery } from "../store.ts";
import type { Context } from "./context.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Names as a list of SQL literals; they are words of ours, never input. */
export const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(", ");

/** The task that an id, a uuid or a name means: of a name the open task that bears it, else the one that ended last. */
function find(ctx: Context, ref: string | number | { key: string }): Task | undefined {
  if (typeof ref === "object") return ctx.firstTask("tasks where key = ?", ref.key);
  if (typeof ref === "number" || /^\d+$/.test(ref)) {
    const id = Number(ref);
    return Number.isSafeInteger(id) ? ctx.firstTask("tasks where id = ?", id) : undefined;
  }
  if (UUID.test(ref)) {
    const task = ctx.firstTask("tasks where uuid = ?", ref.toLowerCase());
    if (task) return task;
  }
  const open = ctx.tasks("tasks where name = ? and ended_at is null order by id", [ref]);
  if (open.length > 1) {
    throw new AgentctlError("AmbiguousName", {
      id: ref,
      state: null,
      candidates: open.map((task) => task.id),
    });
  }
  return open[0] ?? ctx.firstTask("tasks where name = ? order by ended_at desc, id desc limit 1", ref);
}

/** The same, outside a transaction: whoever watches a task asks for it again and again, mostly with no commit in between. */
export function findAgain(ctx: Context, ref: string | number | { key: string }): Task | undefined {
  if (ctx.last === undefined || ctx.last.id !== ref) ctx.last = find(ctx, ref);
  return ctx.last;
}

/** Tasks by id, oldest first. Throws `QueueNotFound` for a queue that neither exists nor ever had a task that is kept. */
export function list(ctx: Context, query: ListQuery): Task[] {
  const tasks = matching(ctx, query);
  if (tasks.length === 0 && query.queue !== undefined) requireKnown(ctx, query.queue);
  return tasks;
}

function requireKnown(ctx: Context, queue: string): void {
  const sql = "select 1 from queues where name = ? union all select 1 from tasks where queue = ? limit 1";
  if (!ctx.row(sql, queue, queue)) throw new AgentctlError("QueueNotFound", { queue });
}

/** As the index `tasks_limited` has it. */
const LIMITED = "agent_report ->> '$.limit.resetsAt' is not null";

function matching(ctx: Context, query: ListQuery): Task[] {
  const where = ["true"];
  const params: Record<string, string | number> = { after: query.afterId ?? 0, limit: query.limit };
  if (query.states) where.push(`state in (${quoted(query.states)})`);
  if (query.queue !== undefined) where.push("queue = @queue");
  if (query.name !== undefined) where.push(isPattern(query.name) ? "name glob @name" : "name = @name");
  if (query.account !== undefined) where.push("account = @account and ended_at is null");
  if (query.limited) where.push(LIMITED);
  if (query.since !== undefined) where.push("created_at >= @since");
  Object.entries(query.labels ?? {}).forEach(([key, value], i) => {
    where.push(`exists (select 1 from json_each(labels) where key = @k${i} and value = @v${i})`);
    params[`k${i}`] = key;
    params[`v${i}`] = value;
  });
  if (query.queue !== undefined) params.queue = query.queue;
  if (query.name !== undefined) params.name = query.name;
  if (query.account !== undefined) params.account = query.account;
  if (query.since !== undefined) params.since = query.since;
  const filter = where.join(" and ");
  if (query.recent === undefined) {
    return ctx.tasks(`tasks where id > @after and ${filter} order by id limit @limit`, params);
  }
  params.recent = query.recent;
  // Which ended last is asked before the page is, or each page would have as many of its own.
  const source = `(select * from tasks where ended_at is null and id > @after and ${filter}
    union all select * from (select * from tasks where ended_at is not null and ${filter} order by ended_at desc, id desc limit @recent))
    where id > @after order by id limit @limit`;
  return ctx.tasks(source, params);
}

export function unfinished(ctx: Context, afterId: number, limit: number): Task[] {
  const source = `tasks where id > ? and (state = 'working' or (state in ('suspended', 'resumed') and
    (frozen = 1 or (state = 'suspended' and pause ->> '$.cause' = 'shutdown')))) order by id limit ?`;
  return ctx.tasks(source, [afterId, limit]);
}

export function ended(ctx: Context, after: EndedTask | null, limit: number): EndedTask[] {
  const sql = `select id, ended_at as endedAt from tasks
    where ended_at is not null and (ended_at, id) < (?, ?) order by ended_at desc, id desc limit ?`;
  const { endedAt, id } = after ?? { endedAt: Number.MAX_SAFE_INTEGER, id: 0 };
  return ctx.rows(sql, endedAt, id, limit) as unknown as EndedTask[];
}

export function counts(ctx: Context): Record<State, number> {
  const found = new Map(
    ctx.rows("select state, count(*) as n from tasks group by state").map((r) => [r.state, r.n]),
  );
  return Object.fromEntries(states.map((state) => [state, (found.get(state) as number) ?? 0])) as Record<
    State,
    number
  >;
}

export function artifacts(ctx: Context, id: number): Artifact[] {
  return ctx.rows("select * from artifacts where task_id = ? order by created_at, name", id).map((row) => ({
    taskId: id,
    name: row.name as string,
    size: row.size as number,
    sha256: row.sha256 as string,
    createdAt: row.created_at as number,
  }));
}

/** The environments that an open task uses. */
export function usedEnvironments(ctx: Context): Set<string> {
  const rows = ctx.rows(
    "select env_hash from tasks where ended_at is null union select env_hash from schedules",
  );
  return new Set(rows.map((row) => row.env_hash as string));
}

/** Of the environments of these tasks those that no open task uses. */
export function unusedEnvironments(ctx: Context, ids: readonly number[]): Set<string> {
  const hashes = ids.map((id) => ctx.row("select env_hash from tasks where id = ?", id)?.env_hash as string);
  const used = `select 1 from tasks where env_hash = ? and ended_at is null
     union all select 1 from schedules where env_hash = ? limit 1`;
  return new Set(hashes.filter((hash) => hash !== undefined && !ctx.row(used, hash, hash)));
}

/** Whether there is a task of that id or key. */
export function has(ctx: Context, ref: number | { key: string }): boolean {
  const [column, value] = typeof ref === "number" ? ["id", ref] : ["key", ref.key];
  return ctx.row(`select 1 from tasks where ${column} = ?`, value) !== undefined;
}
