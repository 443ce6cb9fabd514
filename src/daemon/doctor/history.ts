import { type State, transitions } from "../../core/machine.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { toAttempt } from "../../store/sqlite/index.ts";
import type { KnownAttempt, Problem, Tools } from "./problem.ts";
import { unfreeze } from "./rows.ts";

/** Returns every attempt, and a problem for each that does not fit the state of its task. */
export function checkAttempts(
  { db }: Tools,
  tasks: Map<number, Task>,
): { attempts: KnownAttempt[]; problems: Problem[] } {
  const attempts: KnownAttempt[] = [];
  const problems: Problem[] = [];
  const active = new Set<number>();
  for (const row of db.prepare("select * from attempts order by task_id, n").iterate()) {
    const attempt = readAttempt(row);
    const task = attempt && tasks.get(attempt.taskId);
    if (!attempt || !task) continue;
    const hasProcess = task.state === "working" || isFrozen(task);
    const isLive = hasProcess && attempt.n === task.attempt && attempt.endedAt === null;
    const { taskId, n, token, runKey, pid } = attempt;
    attempts.push({ task: taskId, n, token, runKey, pid, isLive, isFrozen: isLive && isFrozen(task) });
    if (isLive) active.add(taskId);
    else if (attempt.endedAt === null) problems.push(openAttempt(task, n));
  }
  for (const task of tasks.values()) {
    if (active.has(task.id)) continue;
    if (task.state === "working") problems.push(workingWithoutAttempt(task));
    else if (isFrozen(task)) {
      const what = `task ${task.id} is marked as frozen but has no running attempt`;
      const mend = "--repair clears the mark";
      problems.push({ check: "attempts", task: task.id, what, mend, repair: unfreeze(task.id) });
    }
  }
  return { attempts, problems };
}

function isFrozen({ state, frozen }: Task): boolean {
  return frozen && (state === "suspended" || state === "resumed");
}

function readAttempt(row: unknown): Attempt | null {
  try {
    return toAttempt(row as never);
  } catch {
    return null;
  }
}

function openAttempt({ id, state }: Task, n: number): Problem {
  return {
    check: "attempts",
    task: id,
    what: `attempt ${n} of task ${id} has no end, and the task is ${state}`,
    mend: "--repair records it as lost",
    repair: ({ db, now }) =>
      void db
        .prepare("update attempts set ended_at = ?, outcome = 'lost' where task_id = ? and n = ?")
        .run(now, id, n),
  };
}

function workingWithoutAttempt({ id }: Task): Problem {
  const repair: Problem["repair"] = ({ db, now }) => {
    const pause = { mode: "checkpoint", outcome: null, cause: "lost", actor: "doctor", reason: null };
    const pauseJson = JSON.stringify({ ...pause, at: now, until: null, group: null });
    db.prepare(
      `update tasks set state = 'suspended', frozen = 0, pid = null, intent = null, pause = ?, phase_at = ?,
         updated_at = ? where id = ?`,
    ).run(pauseJson, now, now, id);
    appendEvent({ db, now }, id, { from: "working", to: "suspended", cause: "lost", data: null });
  };
  return {
    check: "attempts",
    task: id,
    what: `task ${id} is working and has no attempt under way`,
    mend: "--repair suspends it as lost; agentctl resume goes on from its checkpoint",
    repair,
  };
}

interface EventRow {
  seq: number;
  task_id: number;
  from_state: State | null;
  to_state: State | null;
  cause: string;
}

/** The cause of an event by which the doctor marks the history before it as already checked. */
const REPAIR = "repair";

/** Checks each task's history: legal transitions, each from where the last one led, up to the task's state. */
export function checkEvents({ db }: Tools, tasks: Map<number, Task>): Problem[] {
  const reached = new Map<number, { to: State | null; mismatch: string | null }>();
  const rows = db.prepare("select seq, task_id, from_state, to_state, cause from events order by seq");
  for (const event of rows.iterate() as Iterable<EventRow>) {
    const before = reached.get(event.task_id);
    const mismatch =
      event.cause === REPAIR ? null : (before?.mismatch ?? checkTransition(event, before?.to ?? null));
    reached.set(event.task_id, { to: event.to_state, mismatch });
  }
  return [...tasks.values()].flatMap((task): Problem[] => {
    const { to, mismatch } = reached.get(task.id) ?? { to: null, mismatch: `task ${task.id} has no history` };
    const endMismatch =
      to === task.state ? null : `the history of task ${task.id} ends in ${to}, and it is ${task.state}`;
    const what = mismatch ?? endMismatch;
    if (what === null) return [];
    const repair: Problem["repair"] = (tools) =>
      appendEvent(tools, task.id, {
        from: to,
        to: task.state,
        cause: REPAIR,
        data: JSON.stringify({ what }),
      });
    return [{ check: "events", task: task.id, what, mend: "--repair notes it in the history", repair }];
  });
}

function checkTransition(
  { seq, task_id: id, from_state: from, to_state: to }: EventRow,
  current: State | null,
): string | null {
  if (from !== current) return `event ${seq} of task ${id} leaves ${from}, and the task was ${current}`;
  if (from === to || to === null) return null;
  return isLegal(from, to)
    ? null
    : `event ${seq} of task ${id} goes from ${from} to ${to}, which is not a legal transition`;
}

function isLegal(from: State | null, to: State): boolean {
  return Object.values(transitions).some((row) => {
    const sources: readonly State[] = row.from;
    return row.to === to && (from === null ? sources.length === 0 : sources.includes(from));
  });
}

function appendEvent(
  { db, now }: Pick<Tools, "db" | "now">,
  id: number,
  event: { from: State | null; to: State; cause: string; data: string | null },
): void {
  db.prepare(
    `insert into events (at, task_id, attempt, from_state, to_state, cause, actor, data)
     values (?, ?, (select nullif(attempt, 0) from tasks where id = ?), ?, ?, ?, 'doctor', ?)`,
  ).run(now, id, id, event.from, event.to, event.cause, event.data);
}
