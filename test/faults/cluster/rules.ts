/** What must hold of a cluster, from what its database and the notes of its tasks say in the end. */
import { rulesOfRows } from "../checker.ts";
import { type Acknowledged, type Facts, type Row, witnessOf } from "../facts.ts";
import type { Machines } from "./machines.ts";

export interface Limits {
  /** Slots of each queue, over all machines. */
  queues: Record<string, number>;
  /** Slots of each machine. */
  machine: number;
}

/** Everything that is wrong. */
export async function violationsOf(
  machines: Machines,
  known: Acknowledged,
  limits: Limits,
): Promise<string[]> {
  const first = machines.all[0];
  if (!first) return [];
  const all = (sql: string) => machines.rows(sql);
  // Notes first: what was acknowledged by then is in the rows that are read after them, also where tasks run on.
  const witness = witnessOf(first.home);
  const facts: Facts = {
    home: first.home,
    known,
    integrity: "ok",
    tasks: await all("select * from tasks order by id"),
    attempts: await all("select * from attempts order by task_id, n"),
    events: await all("select * from events order by seq"),
    steps: await all("select * from steps order by task_id, position"),
    checkpoints: await all("select * from checkpoints order by task_id, seq"),
    artifacts: [],
    bearers: [],
    witness,
  };
  return [...rulesOfRows.flatMap((rule) => rule(facts)), ...overruns(facts, limits)];
}

/** The slots that were taken at each event, in each queue and on each machine. */
function overruns({ tasks, attempts, events }: Facts, limits: Limits): string[] {
  const wrong: string[] = [];
  const queueOf = new Map(tasks.map(({ id, queue }: Row) => [id, queue]));
  const machineOf = new Map(attempts.map(({ task_id, n, machine }: Row) => [`${task_id}.${n}`, machine]));
  const taken = new Map<string, Set<number>>();
  const working = new Map<number, string[]>();
  for (const { seq, task_id, attempt, to_state } of events) {
    for (const place of working.get(task_id) ?? []) taken.get(place)?.delete(task_id);
    working.delete(task_id);
    if (to_state !== "working") continue;
    const queue = queueOf.get(task_id);
    const machine = machineOf.get(`${task_id}.${attempt}`);
    const places = [`queue ${queue}`, `machine ${machine}`];
    working.set(task_id, places);
    for (const [place, most] of [
      [`queue ${queue}`, limits.queues[queue] ?? 0],
      [`machine ${machine}`, limits.machine],
    ] as const) {
      const there = taken.get(place) ?? new Set();
      taken.set(place, there.add(task_id));
      if (there.size > most)
        wrong.push(`event ${seq}: ${there.size} tasks work in ${place}, which has ${most} slots`);
    }
  }
  return wrong;
}
