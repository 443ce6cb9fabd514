/**
 * Acknowledges a step in one statement, which is its own transaction, because a step costs as much as its round trips.
 * The statement locks what every writer locks, so that the step is ordered with their writes. Then it locks the task,
 * so that an attempt that others have concluded journals nothing.
 */
import type { Step } from "../../core/task.ts";
import type { Connection } from "./connection.ts";
import { requireNoNul } from "./context.ts";

const CELLS = [
  "kind",
  "name",
  "n",
  "base",
  "call",
  "alone",
  "started_at",
  "ended_at",
  "size",
  "unused",
  "result",
] as const;

/** $1 is the token, $2 the machine, $3 its epoch or null; the cells of the step follow. */
const FIRST_PARAM = 4;
const paramOf = (cell: (typeof CELLS)[number]) => `$${FIRST_PARAM + CELLS.indexOf(cell)}`;
const SAME_KEY = `s.base = ${paramOf("base")} and s.kind = ${paramOf("kind")} and s.name = ${paramOf("name")} and s.n = ${paramOf("n")}`;

const SQL = `with turn as materialized (select seq from event_counter for update),
  live as materialized (
    select t.id, a.n from turn, attempts a join tasks t on t.id = a.task_id and t.attempt = a.n
    where a.token = $1 and a.ended_at is null and (t.state = 'working' or t.frozen = 1)
      and ($3::bigint is null
        or exists (select 1 from machines where name = $2 and epoch = $3 and is_lost = 0))
    for no key update of t),
  known as (select s.result from steps s join live on s.task_id = live.id where ${SAME_KEY}),
  added as (
    insert into steps (task_id, position, attempt, ${CELLS.join(", ")})
    select live.id, (select coalesce(max(position), 0) + 1 from steps where task_id = live.id), live.n,
      ${CELLS.map(paramOf).join(", ")}
    from live where not exists (select 1 from known) returning 1),
  forgotten as (
    delete from kept using live where kept.task_id = live.id and ${paramOf("kind")} = 'step'
      and kept.base = ${paramOf("base")} and kept.name = ${paramOf("name")} and kept.n = ${paramOf("n")}),
  progressed as (
    update tasks set losses = case when kind = 'agent' then losses else 0 end, journaled = 1
    from live where tasks.id = live.id and (losses > 0 or journaled = 0))
  select (select result from known) as known, (select count(*) from added) as added`;

/**
 * Journals a call, unless its key is already journaled. Returns undefined if this needs more than one statement, or
 * must be refused. Rejects, having done nothing, if another machine wrote at the same moment.
 */
export async function acknowledgeAtOnce(
  connection: Connection,
  { token, machine, epoch }: { token: string; machine: string; epoch: number | null },
  step: Omit<Step, "position" | "attempt">,
): Promise<{ result: string; added: boolean } | undefined> {
  const cells = [
    step.kind,
    step.name,
    step.n,
    step.base,
    step.call,
    step.alone ? 1 : 0,
    step.startedAt,
    step.endedAt,
    step.size,
    step.unused ? 1 : 0,
    step.result,
  ];
  const { rows } = await connection.query(SQL, requireNoNul([token, machine, epoch, ...cells]));
  const { known, added } = rows[0] as { known: string | null; added: number };
  if (known !== null) return { result: known, added: false };
  return added === 1 ? { result: step.result, added: true } : undefined;
}
