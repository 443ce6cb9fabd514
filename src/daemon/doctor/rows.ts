import { isTerminal, states } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import { dependencyStatus } from "../../store/rules/dependencies.ts";
import type { Database } from "../../store/sqlite/file/driver.ts";
import {
  foreignTables,
  MIGRATIONS,
  newestBackup,
  SCHEMA_VERSION,
  taskOfRow,
} from "../../store/sqlite/index.ts";
import type { Problem, Tools } from "./problem.ts";

type Rows = Record<string, never>[];

/** Checks the file as a whole: its pages, its schema, its references, its numbering. */
export function checkStore({ db, paths }: Tools): Problem[] {
  const fileProblems = [...checkPages(db, paths.backups), ...checkSchema(db)];
  if (fileProblems.some(({ repair }) => repair === null)) return fileProblems;
  return [...fileProblems, ...checkReferences(db), ...checkNumbers(db)];
}

function checkPages(db: Database, backups: string): Problem[] {
  const errors = (db.pragma("integrity_check(20)") as { integrity_check: string }[]).map(
    (row) => row.integrity_check,
  );
  if (errors[0] === "ok") return [];
  const backup = newestBackup(backups);
  const restore = backup
    ? `agentctl daemon stop, then agentctl daemon restore ${backup}`
    : "there is no backup";
  return errors.map((what) => {
    const isIndex = /index/.test(what);
    return {
      check: "store",
      task: null,
      what: `SQLite says: ${what}`,
      mend: isIndex ? "--repair builds the indexes again" : restore,
      repair: isIndex ? ({ db }: Tools) => void db.exec("reindex") : null,
    };
  });
}

function checkSchema(db: Database): Problem[] {
  const version = db.pragma("user_version", { simple: true }) as number;
  const foreign = version <= SCHEMA_VERSION ? foreignTables(db, version, MIGRATIONS) : null;
  if (foreign) {
    const what = `another build of agentctl wrote the store, and its schema differs: ${foreign}`;
    return [{ check: "store", task: null, what, mend: "use the build that wrote it", repair: null }];
  }
  if (version === SCHEMA_VERSION) return [];
  const what = `the store is of schema ${version}, this agentctl has ${SCHEMA_VERSION}`;
  const mend = version > SCHEMA_VERSION ? "use the newer agentctl" : "agentctl daemon restart migrates it";
  return [{ check: "store", task: null, what, mend, repair: null }];
}

function checkReferences(db: Database): Problem[] {
  const orphans = db.pragma("foreign_key_check") as { table: string }[];
  return [...new Set(orphans.map(({ table }) => table))].map((table) => ({
    check: "store",
    task: null,
    what: `${orphans.filter((row) => row.table === table).length} rows of ${table} belong to no task`,
    mend: "--repair deletes them",
    repair: ({ db }) => void db.exec(`delete from ${table} where task_id not in (select id from tasks)`),
  }));
}

function checkNumbers(db: Database): Problem[] {
  const numbered = [
    { table: "tasks", column: "id" },
    { table: "events", column: "seq" },
  ];
  return numbered.flatMap(({ table, column }): Problem[] => {
    const highest = db.prepare(`select coalesce(max(${column}), 0) from ${table}`).pluck().get() as number;
    const sequence = db.prepare("select seq from sqlite_sequence where name = ?").pluck().get(table);
    if (highest <= ((sequence as number | undefined) ?? 0)) return [];
    const what = `the numbering of ${table} is at ${sequence ?? 0}, and there is a number ${highest}`;
    const repair = ({ db }: Tools) => {
      db.prepare("delete from sqlite_sequence where name = ?").run(table);
      db.prepare("insert into sqlite_sequence (name, seq) values (?, ?)").run(table, highest);
    };
    return [{ check: "store", task: null, what, mend: "--repair numbers on from there", repair }];
  });
}

/** Returns every readable task, and a problem for each unreadable task and each wrong field. */
export function checkTasks({ db }: Tools): { tasks: Map<number, Task>; problems: Problem[] } {
  const tasks = new Map<number, Task>();
  const problems: Problem[] = [];
  const add = (task: number, what: string, mend: string, repair: Problem["repair"]) =>
    problems.push({ check: "rows", task, what: `task ${task} ${what}`, mend, repair });
  for (const row of db.prepare("select * from tasks order by id").iterate() as Iterable<Rows[number]>) {
    const id = row.id as unknown as number;
    const task = readTask(row);
    if (task === null) {
      add(id, "cannot be read: a field is not JSON", "agentctl daemon restore <backup>", null);
      continue;
    }
    tasks.set(id, task);
    if (!states.includes(task.state)) {
      add(id, `is in an unknown state: ${task.state}`, "agentctl daemon restore <backup>", null);
    } else if (isTerminal(task.state) !== (task.endedAt !== null)) {
      const what = `is ${task.state} and has ${task.endedAt === null ? "no" : "an"} end time`;
      add(id, what, "--repair takes it from the history", repairEnd(id, isTerminal(task.state)));
    }
    if (task.frozen && task.state !== "suspended" && task.state !== "resumed") {
      add(id, `is ${task.state} but is marked as frozen`, "--repair clears the mark", unfreeze(id));
    }
  }
  return { tasks, problems: [...problems, ...checkQueues(db), ...checkDependents(tasks)] };
}

function readTask(row: Rows[number]): Task | null {
  try {
    return taskOfRow(row);
  } catch {
    return null;
  }
}

function repairEnd(id: number, hasEnded: boolean): Problem["repair"] {
  return ({ db, now }) => {
    const endedAt = db.prepare("select max(at) from events where task_id = ?").pluck().get(id) ?? now;
    db.prepare("update tasks set ended_at = ? where id = ?").run(hasEnded ? endedAt : null, id);
  };
}

/** Returns the repair that clears the mark of a task whose process exists and is stopped. */
export function unfreeze(id: number): Problem["repair"] {
  return ({ db }) => void db.prepare("update tasks set frozen = 0, pid = null where id = ?").run(id);
}

function checkQueues(db: Database): Problem[] {
  const rows = db
    .prepare(
      "select distinct queue from tasks where ended_at is null and queue not in (select name from queues)",
    )
    .pluck()
    .all() as string[];
  return rows.map((queue) => ({
    check: "rows",
    task: null,
    what: `open tasks wait in queue ${queue}, which does not exist`,
    mend: `--repair makes it, held; or agentctl queue set ${queue} --slots <n>`,
    repair: ({ db }) =>
      void db.prepare("insert into queues (name, slots, held_by) values (?, 1, 'user')").run(queue),
  }));
}

function checkDependents(tasks: Map<number, Task>): Problem[] {
  return [...tasks.values()].flatMap((task): Problem[] => {
    if (task.blockedBy === null || isTerminal(task.state)) return [];
    const dependency = tasks.get(task.blockedBy);
    if (dependency && !isTerminal(dependency.state)) return [];
    const { blockedBy, broken } = dependencyStatus(task.after, (id) => tasks.get(id)?.state);
    const what = `task ${task.id} waits for task ${task.blockedBy}, which ${dependency ? `is ${dependency.state}` : "does not exist"}`;
    const repair: Problem["repair"] = ({ db }) =>
      void db.prepare("update tasks set blocked_by = ? where id = ?").run(blockedBy, task.id);
    const isFree = dependency !== undefined && !broken;
    const mend = isFree ? "--repair unblocks it" : `agentctl cancel ${task.id}`;
    return [{ check: "rows", task: task.id, what, mend, repair: isFree ? repair : null }];
  });
}
