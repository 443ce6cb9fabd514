/** Durable steps of one and of four task modules, compared with rows committed one by one in one process. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openFile } from "../../src/store/sqlite/file/driver.ts";
import { type Home, until, withHome } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import type { Row } from "../row.ts";

const STEPS = 1000;
const VALUE = "x".repeat(1000);

/** Measures the time in which better-sqlite3 commits one row, in ms, in WAL mode with synchronous=FULL. */
async function commitMs(folder: string, rows = STEPS): Promise<number> {
  const file = join(folder, "floor.db");
  const db = openFile(file);
  db.pragma("journal_mode = wal");
  db.pragma("synchronous = full");
  db.exec("create table if not exists steps (id integer primary key, value text not null)");
  const insert = db.prepare("insert into steps (value) values (?)");
  insert.run(VALUE);
  const ms = await timed(() => {
    for (let i = 0; i < rows; i++) insert.run(VALUE);
  });
  db.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
  return ms / rows;
}

/**
 * Measures the time for each step of `tasks` tasks that run together, in ms, from the first step of all to the last.
 * With `gated`, no task begins before all are ready, so that their start is not measured.
 */
export async function stepMs(home: Home, tasks: number, count = STEPS, gated = false): Promise<number> {
  const peer = await home.connect();
  const module = join(import.meta.dirname, "../tasks/steps.mjs");
  const gate = gated ? join(home.path, `gate-${performance.now()}`) : null;
  const made = await Promise.all(
    Array.from({ length: tasks }, () => peer.call("tasks/create", { module, input: { count, gate } })),
  );
  if (gate) {
    while (!made.every(({ task }) => existsSync(`${gate}.${task.id}`))) await sleep(5);
    writeFileSync(gate, "");
  }
  const ended = await Promise.all(made.map(({ task }) => until(peer, task.id, ["completed"])));
  peer.close();
  const times = ended.map(({ result }) => result as { beganAt: number; endedAt: number });
  const span = Math.max(...times.map((t) => t.endedAt)) - Math.min(...times.map((t) => t.beganAt));
  return span / (tasks * count);
}

function stepRow(tasks: number, target: number): Row {
  return {
    name: tasks === 1 ? "steps" : `steps-${tasks}`,
    what: tasks === 1 ? "durable 1 KiB steps, one task" : `durable 1 KiB steps, ${tasks} tasks together`,
    against: "one-row FULL commits of better-sqlite3",
    target: { is: "at least", value: target, unit: "×" },
    measure: (effort) =>
      withHome(
        async (home) => {
          await stepMs(home, tasks, 50);
          // A rate is the inverse of a time, so both are inverted.
          return await inPairs(
            effort.pairs(11),
            async () => 1 / (await stepMs(home, tasks)),
            async () => 1 / (await commitMs(home.path, STEPS * tasks)),
          );
        },
        { slots: 16 },
      ),
  };
}

export const steps: Row[] = [stepRow(1, 0.35), stepRow(4, 0.6)];
