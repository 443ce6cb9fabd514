/** Checks what must hold for a cluster in the end, from its database and from the notes of its tasks. */
import { rulesOfRows } from "../checker.ts";
import { type Acknowledged, type Facts, type Row, witnessOf } from "../facts.ts";
import type { Machines } from "./machines.ts";

export interface Limits {
  /** Slots of each queue, on all machines together. */
  queues: Record<string, number>;
  /** Slots of each machine. */
  machine: number;
}

/** Returns all violations. */
export async function violationsOf(
  machines: Machines,
  known: Acknowledged,
  limits: Limits,
): Promise<string[]> {
  const first = machines.all[0];
  if (!first) return [];
  const all = (sql: string) => machines.rows(sql);
  // Read the notes first: what was acknowledged before is then in the rows, even while tasks continue to run.
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

/** Returns a message for each event after which a queue or a machine has more working tasks than slots. */
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
