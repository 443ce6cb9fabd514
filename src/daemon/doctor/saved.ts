import { createHash } from "node:crypto";
import { isTerminal } from "../../core/machine.ts";
import type { CheckpointInfo, Task } from "../../core/task.ts";
import { toCheckpoint } from "../../store/sqlite/index.ts";
import type { Problem, Tools } from "./problem.ts";

/**
 * Compares each checkpoint with its size and checksum, and each task with the checkpoint that it would continue from.
 */
export function checkCheckpoints({ db }: Tools, tasks: Map<number, Task>): Problem[] {
  const good = new Map<number, CheckpointInfo[]>();
  const bad: CheckpointInfo[] = [];
  const owners: number[] = [];
  for (const row of db.prepare("select * from checkpoints order by task_id, seq").iterate()) {
    const { task_id: id, data, ...rest } = row as { task_id: number; data: Buffer | string };
    const info = toCheckpoint(rest as never);
    const bytes = Buffer.from(data as string);
    const isIntact =
      bytes.length === info.size && createHash("sha256").update(bytes).digest("hex") === info.sha256;
    if (isIntact) good.set(id, [...(good.get(id) ?? []), info]);
    else {
      bad.push(info);
      owners.push(id);
    }
  }
  const corrupt = bad.flatMap((info, i) => corruptProblem(tasks.get(owners[i] as number), info, good));
  const isBad = (id: number, seq: number) => bad.some((info, i) => owners[i] === id && info.seq === seq);
  const dangling = [...tasks.values()].flatMap((task) => {
    const { checkpoint, id } = task;
    if (checkpoint === null || isBad(id, checkpoint.seq)) return [];
    return checkReference(task, checkpoint, good.get(id) ?? []);
  });
  return [...corrupt, ...dangling];
}

function corruptProblem(
  task: Task | undefined,
  info: CheckpointInfo,
  good: Map<number, CheckpointInfo[]>,
): Problem[] {
  if (!task) return [];
  const what = `checkpoint ${info.seq} of task ${task.id} does not fit its size and checksum`;
  const remaining = (good.get(task.id) ?? []).filter(({ superseded }) => !superseded);
  const isNeeded = task.checkpoint?.seq === info.seq && !isTerminal(task.state);
  if (isNeeded)
    return [{ check: "checkpoints", task: task.id, what, mend: continueHint(task, remaining), repair: null }];
  const repair: Problem["repair"] = ({ db }) => {
    db.prepare("delete from checkpoints where task_id = ? and seq = ?").run(task.id, info.seq);
    if (task.checkpoint?.seq === info.seq) setCheckpoint(db, task.id, remaining.at(-1) ?? null);
  };
  return [
    {
      check: "checkpoints",
      task: task.id,
      what,
      mend: "--repair deletes it: nothing goes on from it",
      repair,
    },
  ];
}

function continueHint({ id }: Task, remaining: CheckpointInfo[]): string {
  const from = remaining.at(-1);
  return from
    ? `agentctl resume ${id} --from ${from.seq} goes on from the newest good one`
    : `agentctl resume ${id} --from-start begins again`;
}

/** Reports a task whose checkpoint does not exist, or does not match the task's description of it. */
function checkReference(task: Task, expected: CheckpointInfo, good: CheckpointInfo[]): Problem[] {
  const existing = good.find(({ seq }) => seq === expected.seq);
  if (existing?.sha256 === expected.sha256 && existing.size === expected.size) return [];
  const common = { check: "checkpoints", task: task.id } as const;
  if (existing) {
    const what = `task ${task.id} has data about checkpoint ${expected.seq} that do not match the checkpoint`;
    const repair: Problem["repair"] = ({ db }) => setCheckpoint(db, task.id, existing);
    return [{ ...common, what, mend: "--repair takes the data of the checkpoint", repair }];
  }
  const what = `task ${task.id} names checkpoint ${expected.seq}, which does not exist`;
  if (!isTerminal(task.state)) return [{ ...common, what, mend: continueHint(task, good), repair: null }];
  const repair: Problem["repair"] = ({ db }) => setCheckpoint(db, task.id, good.at(-1) ?? null);
  return [{ ...common, what, mend: "--repair names the newest that is left", repair }];
}

function setCheckpoint(db: Tools["db"], id: number, info: CheckpointInfo | null): void {
  db.prepare("update tasks set checkpoint = ? where id = ?").run(info && JSON.stringify(info), id);
}

/** Checks the journals of open tasks: positions without a gap, readable results, and no checkpoint beyond the end. */
export function checkJournals({ db }: Tools, tasks: Map<number, Task>): Problem[] {
  const gaps = db
    .prepare(
      `select task_id as id, count(*) as steps, max(position) as last from steps
       group by task_id having min(position) <> 1 or max(position) <> count(*)`,
    )
    .all() as { id: number; steps: number; last: number }[];
  const beyond = db
    .prepare(
      `select task_id as id, seq, position, (select count(*) from steps s where s.task_id = c.task_id) as steps
       from checkpoints c where superseded = 0
         and position > (select coalesce(max(position), 0) from steps s where s.task_id = c.task_id)`,
    )
    .all() as { id: number; seq: number; position: number; steps: number }[];
  const unreadable = db
    .prepare(
      "select task_id as id, name, position from steps where result <> '' and not json_valid(result) order by task_id, position",
    )
    .all() as { id: number; name: string; position: number }[];
  const isOpen = ({ id }: { id: number }) => !isTerminal(tasks.get(id)?.state ?? "completed");
  const mend = (id: number) =>
    `agentctl resume ${id} --from-start, or --from a checkpoint before it, or a backup`;
  return [
    ...gaps.filter(isOpen).map(({ id, steps, last }) => ({
      what: `the journal of task ${id} has ${steps} of its ${last} acknowledged calls`,
      id,
    })),
    ...unreadable.filter(isOpen).map(({ id, name, position }) => ({
      what: `the result of call ${position} of task ${id}, step ${JSON.stringify(name)}, cannot be read`,
      id,
    })),
    ...beyond.filter(isOpen).map(({ id, seq, position, steps }) => ({
      what: `checkpoint ${seq} of task ${id} stands after call ${position}, and the journal has ${steps}`,
      id,
    })),
  ].map(({ what, id }) => ({ check: "journal", task: id, what, mend: mend(id), repair: null }));
}
