import type { Schedule } from "../../core/recurring.ts";
import type { Schedules } from "../schedules.ts";
import type { Access } from "./access.ts";
import type { Context, Op } from "./context.ts";
import type { Row } from "./rows.ts";

const COLUMNS: Record<keyof Schedule, string> = {
  name: "name",
  cron: "cron",
  tz: "tz",
  overlap: "overlap",
  missed: "missed",
  jitterMs: "jitter_ms",
  paused: "paused",
  envHash: "env_hash",
  task: "task",
  createdAt: "created_at",
  nextAt: "next_at",
  fireAt: "fire_at",
  lastAt: "last_at",
  lastTask: "last_task",
  lastError: "last_error",
};

export function schedulesOver({ read, write }: Access): Schedules {
  return {
    add: (schedule) => write("schedule", (ctx) => add(ctx, schedule)),
    get: (name) => read((ctx) => byName(ctx, name)),
    list: () => read((ctx) => select(ctx, "order by name")),
    due: (now) => read((ctx) => select(ctx, "where fire_at <= ? order by fire_at, name", now)),
    nextAt: () => read((ctx) => nextAt(ctx)),
    update: (name, patch) => write("schedule", (ctx) => update(ctx, name, patch)),
    moveOn: (schedule, next, last = {}) => write("schedule", (ctx) => moveOn(ctx, schedule, next, last)),
    remove: (name) => write("schedule", (ctx) => remove(ctx, name)),
  };
}

function* add(ctx: Context, schedule: Schedule): Op<boolean> {
  const cells = toCells(schedule);
  const names = Object.keys(cells);
  const sql = `insert into schedules (${names.join(", ")}) values (${names.map(() => "?").join(", ")}) on conflict do nothing`;
  return (yield* ctx.run(sql, ...Object.values(cells))) > 0;
}

function* update(ctx: Context, name: string, patch: Partial<Schedule>): Op<boolean> {
  const cells = toCells(patch);
  if (Object.keys(cells).length === 0) return true;
  const assignments = Object.keys(cells).map((column) => `${column} = ?`);
  return (
    (yield* ctx.run(
      `update schedules set ${assignments.join(", ")} where name = ?`,
      ...Object.values(cells),
      name,
    )) > 0
  );
}

function* moveOn(
  ctx: Context,
  { name, createdAt }: Pick<Schedule, "name" | "createdAt">,
  next: Partial<Schedule>,
  last: Partial<Schedule>,
): Op<boolean> {
  const row = yield* ctx.row(
    "select paused from schedules where name = ? and created_at = ?",
    name,
    createdAt,
  );
  if (!row) return false;
  return yield* update(ctx, name, row.paused === 1 ? last : { ...next, ...last });
}

function* remove(ctx: Context, name: string): Op<boolean> {
  return (yield* ctx.run("delete from schedules where name = ?", name)) > 0;
}

function* nextAt(ctx: Context): Op<number | null> {
  const row = yield* ctx.row("select min(fire_at) as at from schedules");
  return (row?.at as number | null) ?? null;
}

function* byName(ctx: Context, name: string): Op<Schedule | undefined> {
  return (yield* select(ctx, "where name = ?", name))[0];
}

function* select(ctx: Context, clause: string, ...params: unknown[]): Op<Schedule[]> {
  return (yield* ctx.rows(`select * from schedules ${clause}`, ...params)).map(toSchedule);
}

function toCells(fields: Partial<Schedule>): Record<string, unknown> {
  const entries = Object.entries(fields) as [keyof Schedule, unknown][];
  return Object.fromEntries(entries.map(([key, value]) => [COLUMNS[key], toCell(value)]));
}

function toCell(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

function toSchedule(row: Row): Schedule {
  const fields = Object.entries(COLUMNS).map(([key, column]) => [key, row[column]]);
  const raw = Object.fromEntries(fields) as Schedule;
  return { ...raw, paused: row.paused === 1, task: JSON.parse(row.task as string) };
}
