/**
 * Fills the store of a stopped daemon with copies of one task that the daemon ran or suspended. Its attempts,
 * checkpoints, steps and events are copied too, so every row is as the store writes it, whatever the schema.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Database, openFile } from "../src/store/sqlite/file/driver.ts";
import type { Home } from "./home.ts";

const BELONGING = ["attempts", "checkpoints", "steps", "events"];

/** Copies task `id` `times` times. The daemon must not run. */
export function copyTask(home: Home, id: number, times: number): void {
  const db = openFile(join(home.path, "agentctl.db"));
  db.pragma("synchronous = off");
  const next = (db.prepare("select max(id) as id from tasks").get() as { id: number }).id + 1;
  const copies = ["tasks", ...BELONGING].map((table) => copier(db, table, id));
  db.transaction(() => {
    for (let i = 0; i < times; i++) for (const copy of copies) copy(next + i);
  })();
  db.close();
}

/** Returns a function that copies the task's rows in one table, with new values in unique columns. */
function copier(db: Database, table: string, id: number): (as: number) => void {
  const key = table === "tasks" ? "id" : "task_id";
  const columns = (db.pragma(`table_info(${table})`) as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => !(table === "events" && name === "seq"));
  const values = columns.map((name) => {
    if (name === key) return "@as";
    if (name === "uuid") return "@uuid";
    if (name === "token") return "@uuid || n";
    return name;
  });
  const copy = db.prepare(
    `insert into ${table} (${columns.join(", ")}) select ${values.join(", ")} from ${table} where ${key} = @id`,
  );
  return (as) => void copy.run({ id, as, uuid: randomUUID() });
}
