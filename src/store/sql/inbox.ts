import { AgentctlError } from "../../core/errors.ts";
import { openStates } from "../../core/machine.ts";
import type { Message } from "../../core/task.ts";
import type { Inbox, PipedMessage } from "../inbox.ts";
import { refuseMoving } from "../rules/move.ts";
import type { Access } from "./access.ts";
import type { Context, Op } from "./context.ts";

export function inboxOver({ read, write }: Access): Inbox {
  return {
    add: (id, message) => write("send", (ctx) => add(ctx, id, message)),
    undelivered: (id) => read((ctx) => undelivered(ctx, id)),
    stdin: (id) => read((ctx) => stdinOf(ctx, id)),
    waiting: (id) => read((ctx) => firstMessage(ctx, "position is null order by id", id)),
    last: (id) => read((ctx) => firstMessage(ctx, "written > 0 order by id desc", id)),
    note: (id, written, isWhole) => write("messages", (ctx) => note(ctx, id, written, isWhole)),
  };
}

/** Stores what every attempt of a new task reads from its stdin. */
export function* keepStdin(ctx: Context, id: number, data: Buffer): Op<void> {
  yield* ctx.run("insert into stdin (task_id, data) values (?, ?)", id, data);
}

function* stdinOf(ctx: Context, id: number): Op<Buffer> {
  const data = (yield* ctx.row("select data from stdin where task_id = ?", id))?.data;
  return (data as Buffer | undefined) ?? Buffer.alloc(0);
}

function* undelivered(ctx: Context, id: number): Op<Omit<Message, "id">[]> {
  const sql =
    "select text, at, actor, eof from messages where task_id = ? and position is null and written = 0 order by id";
  return (yield* ctx.rows(sql, id)).map(({ text, at, actor, eof }) => ({
    text: text as string,
    at: at as number,
    actor: actor as string,
    eof: eof === 1,
  }));
}

/** Stores a message until the task takes it; returns its number. */
export function* add(
  ctx: Context,
  id: number,
  { text, at, actor, eof = false }: Omit<Message, "id">,
): Op<number> {
  const task = yield* ctx.task(id);
  refuseMoving(task);
  const { state, endedAt } = task;
  if (endedAt !== null) throw new AgentctlError("TaskImmutable", { id, state, allowed: openStates });
  const end = yield* ctx.row("select id from messages where task_id = ? and eof = 1", id);
  // A second `eof` changes nothing, so it is not an error.
  if (end && eof) return end.id as number;
  if (end) {
    const reason = `the stdin of task ${id} was ended with agentctl send --eof: nothing more can be sent to it`;
    throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint: `agentctl rerun ${id}` });
  }
  const sql = "insert into messages (task_id, text, at, actor, eof) values (?, ?, ?, ?, ?)";
  return yield* ctx.insertRow(sql, id, text, at, actor, eof ? 1 : 0);
}

function* firstMessage(ctx: Context, condition: string, id: number): Op<PipedMessage | undefined> {
  const row = yield* ctx.row(
    `select id, text, written, eof from messages where task_id = ? and ${condition} limit 1`,
    id,
  );
  if (!row) return undefined;
  return {
    id: row.id as number,
    text: row.text as string,
    written: row.written as number,
    eof: row.eof === 1,
  };
}

/** The place in the journal of a message that was delivered without a journal. */
const NO_POSITION = -1;

function* note(ctx: Context, id: number, written: number, isWhole: boolean): Op<void> {
  yield* ctx.run(
    "update messages set written = ?, position = ? where id = ?",
    written,
    isWhole ? NO_POSITION : null,
    id,
  );
}
