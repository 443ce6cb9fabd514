/**
 * What must hold of a home after whatever has happened to it, once nothing of it is in motion: of its store, its files
 * and its processes, and of what the tasks themselves have written down. Each rule is one function that gives a
 * sentence for each thing that is wrong.
 *
 * A task that takes part writes a line for each thing that it did, as it does it, to `work/witness/<id>`:
 *
 *   began <attempt> <pid>     its process began
 *   ran <attempt> <step>      the function of a step was entered
 *   acked <attempt> <step>    the step's call returned
 *   saved <attempt> <n>       a checkpoint with the content n was acknowledged
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { isTerminal, type State, states, transitions } from "../../src/core/machine.ts";
import type { Home } from "../harness/home.ts";
import { until } from "../harness/until.ts";
import { type Bearer, bearers, guards } from "./processes-of-tasks.ts";

/** What was acknowledged to clients, which the home must not have forgotten. */
export interface Acknowledged {
  ids: Iterable<number>;
  /** Ends that a client has seen: the state can never be another one. */
  ended?: ReadonlyMap<number, string>;
  /** Tasks that a client has deleted. */
  deleted?: ReadonlySet<number>;
}

// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says
type Row = any;

interface Note {
  what: string;
  attempt: number;
  text: string;
}

interface Facts {
  home: Home;
  known: Acknowledged;
  integrity: string;
  tasks: Row[];
  attempts: Row[];
  events: Row[];
  steps: Row[];
  checkpoints: Row[];
  bearers: Bearer[];
  witness: Map<number, Note[]>;
}

/** Waits for the home to settle and throws with everything that is wrong when it does not. */
export async function check(home: Home, known: Acknowledged, deadlineMs = 8_000): Promise<void> {
  let wrong: string[] = [];
  const isRight = () => {
    wrong = violations(home, known);
    return wrong.length === 0;
  };
  await until(isRight, { deadlineMs, everyMs: 50 }).catch(() => {
    throw new Error(`the home is not as it must be:\n  ${wrong.join("\n  ")}`);
  });
}

/** Everything that is wrong at this moment. */
export function violations(home: Home, known: Acknowledged): string[] {
  const facts = factsOf(home, known);
  return rules.flatMap((rule) => rule(facts));
}

const rules: ((facts: Facts) => string[])[] = [
  storeIsWhole,
  noTaskIsLost,
  endsStand,
  eventsAreOneChain,
  numbersHaveNoGap,
  attemptsFit,
  processesFit,
  oneProcessForOneTask,
  runFilesFit,
  environmentsFit,
  stepsFit,
  checkpointsFit,
];

function factsOf(home: Home, known: Acknowledged): Facts {
  // Processes first: what has begun since is then known to the store, and not the other way round.
  const found = bearers(home);
  const db = new Database(join(home.dir, "agentctl.db"), { readonly: true, timeout: 5_000 });
  try {
    const all = (sql: string) => db.prepare(sql).all();
    return db.transaction(() => ({
      home,
      known,
      integrity: String(db.pragma("quick_check(1)", { simple: true })),
      tasks: all("select * from tasks order by id"),
      attempts: all("select * from attempts order by task_id, n"),
      events: all("select * from events order by seq"),
      steps: all("select * from steps order by task_id, position"),
      checkpoints: all("select * from checkpoints order by task_id, seq"),
      bearers: found,
      witness: witnessOf(home),
    }))();
  } finally {
    db.close();
  }
}

function witnessOf(home: Home): Map<number, Note[]> {
  const folder = home.file("witness");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return new Map(names.map((name) => [Number(name), notesIn(join(folder, name))]));
}

/** The notes of one task, in the order in which it wrote them. */
export function notesIn(file: string): Note[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [what = "", attempt = "", ...text] = line.split(" ");
    return { what, attempt: Number(attempt), text: text.join(" ") };
  });
}

function storeIsWhole({ integrity }: Facts): string[] {
  return integrity === "ok" ? [] : [`the store is damaged: ${integrity}`];
}

function noTaskIsLost({ tasks, events, known }: Facts): string[] {
  const there = new Set(tasks.map(({ id }) => id));
  const wrong: string[] = [];
  for (const id of known.ids) {
    if (!there.has(id) && !known.deleted?.has(id)) wrong.push(`task ${id} was acknowledged and is lost`);
  }
  for (const id of known.deleted ?? []) if (there.has(id)) wrong.push(`task ${id} was deleted and is there`);
  const created = events.filter(({ cause }) => cause === "run").map(({ task_id }) => task_id);
  if (new Set(created).size !== created.length) wrong.push("a task was created twice");
  for (const { id, state } of tasks) {
    if (!states.includes(state)) wrong.push(`task ${id} is in the unknown state ${state}`);
  }
  return wrong;
}

function endsStand({ tasks, known }: Facts): string[] {
  return tasks.flatMap(({ id, state }) => {
    const seen = known.ended?.get(id);
    return seen !== undefined && seen !== state ? [`task ${id} had ended as ${seen} and is ${state}`] : [];
  });
}

const moves = new Set(
  Object.values(transitions).flatMap(({ from, to }) =>
    from.length === 0 ? [`null>${to}`] : from.map((state) => `${state}>${to}`),
  ),
);

/** Causes of events that are no moves: they lead from a state to itself. */
const NO_MOVE = new Set(["hold", "release", "progress", "update", "delete"]);

function eventsAreOneChain({ tasks, events }: Facts): string[] {
  const wrong: string[] = [];
  for (const { id, state } of tasks) {
    const own = events.filter(({ task_id }) => task_id === id);
    let at: State | null = null;
    let attempt = 0;
    for (const event of own) {
      const told = `event ${event.seq} of task ${id} (${event.from_state} → ${event.to_state}, ${event.cause})`;
      if (event.from_state !== at) wrong.push(`${told} follows ${at}`);
      if (at !== null && isTerminal(at)) wrong.push(`${told} comes after the end`);
      const isMove = moves.has(`${event.from_state}>${event.to_state}`);
      const stays = event.from_state === event.to_state && NO_MOVE.has(event.cause);
      if (!isMove && !stays) wrong.push(`${told} is not legal`);
      if ((event.attempt ?? 0) < attempt) wrong.push(`${told} goes back to attempt ${event.attempt}`);
      attempt = event.attempt ?? 0;
      at = event.to_state;
    }
    if (at !== state) wrong.push(`task ${id} is ${state}, its events lead to ${at}`);
  }
  return wrong;
}

function numbersHaveNoGap({ events, known }: Facts): string[] {
  // A deleted task takes its events along.
  if ((known.deleted?.size ?? 0) > 0 || events.some(({ cause }) => cause === "delete")) return [];
  const gap = events.find(({ seq }, i) => seq !== i + 1);
  return gap ? [`event ${gap.seq} follows a gap`] : [];
}

function attemptsFit({ tasks, attempts, events }: Facts): string[] {
  return tasks.flatMap((task) => {
    const wrong: string[] = [];
    const own = attempts.filter(({ task_id }) => task_id === task.id);
    if (own.some(({ n }, i) => n !== i + 1) || own.length !== task.attempt) {
      wrong.push(`task ${task.id} has attempts ${own.map(({ n }) => n)} and says ${task.attempt}`);
    }
    const starts = events.filter(({ task_id, cause }) => task_id === task.id && cause === "start").length;
    if (starts !== own.length) wrong.push(`task ${task.id}: ${starts} starts, ${own.length} attempts`);
    const open = own.filter(({ ended_at }) => ended_at === null);
    const isLive = task.state === "working" || task.frozen === 1;
    if (isLive ? open.length !== 1 || open[0].n !== task.attempt : open.length > 0) {
      wrong.push(`task ${task.id} is ${task.state}; without an end are attempts ${open.map(({ n }) => n)}`);
    }
    if (task.intent !== null && !isLive) wrong.push(`task ${task.id} is ${task.state} with ${task.intent}`);
    return wrong;
  });
}

function processesFit({ tasks, attempts, bearers }: Facts): string[] {
  const wrong: string[] = [];
  const byToken = new Map(attempts.map((attempt) => [attempt.token, attempt]));
  for (const task of tasks) {
    const live = attempts.find(({ task_id, n }) => task_id === task.id && n === task.attempt);
    const own = live ? bearers.filter(({ token }) => token === live.token) : [];
    const what = `task ${task.id} is ${task.state}`;
    if (task.state === "working") {
      if (own.length === 0) wrong.push(`${what} and has no process`);
      else if (task.pid !== null && !own.some(({ pid }) => pid === task.pid)) {
        wrong.push(`${what} with pid ${task.pid}, which is none of its processes`);
      }
      const stopped = own.filter(({ state }) => state === "T");
      if (stopped.length > 0) wrong.push(`${what} and ${stopped.map(({ pid }) => pid)} is stopped`);
    } else if (task.frozen === 1) {
      if (own.length === 0) wrong.push(`${what}, frozen, and its process is gone`);
      for (const { pid, state } of own) {
        if (state !== "T") wrong.push(`${what}, frozen, and process ${pid} is in state ${state}`);
      }
    }
  }
  for (const { token, pid, command } of bearers) {
    const attempt = byToken.get(token);
    if (!attempt || attempt.ended_at === null) continue;
    wrong.push(
      `attempt ${attempt.n} of task ${attempt.task_id} has ended, and left process ${pid}: ${command}`,
    );
  }
  return wrong;
}

function oneProcessForOneTask({ attempts, bearers, witness }: Facts): string[] {
  const wrong: string[] = [];
  for (const { task_id, n, token } of attempts) {
    const own = guards(bearers.filter((each) => each.token === token));
    if (own.length > 1) wrong.push(`attempt ${n} of task ${task_id} runs ${own.length} times`);
  }
  for (const [id, notes] of witness) {
    const began = notes.filter(({ what }) => what === "began").map(({ attempt }) => attempt);
    if (new Set(began).size !== began.length) wrong.push(`task ${id} began attempts ${began}`);
    let last = 0;
    for (const { attempt, what } of notes) {
      if (attempt < last) wrong.push(`task ${id}: ${what} of attempt ${attempt} after attempt ${last} began`);
      last = Math.max(last, attempt);
    }
  }
  return wrong;
}

function runFilesFit({ home, attempts }: Facts): string[] {
  const live = new Set(attempts.filter(({ ended_at }) => ended_at === null).map(({ run_key }) => run_key));
  const known = new Set(attempts.map(({ run_key }) => run_key));
  return readdirSync(join(home.dir, "run")).flatMap((name) => {
    const key = /^(.+)\.(?:pid|exit|words|log)$/.exec(name)?.[1];
    // A host that waits for a task has files and no attempt.
    if (key === undefined || live.has(key) || (key.startsWith("host.") && !known.has(key))) return [];
    return [`the run file ${name} belongs to no live attempt`];
  });
}

function environmentsFit({ home, tasks }: Facts): string[] {
  const used = new Set(tasks.filter(({ ended_at }) => ended_at === null).map(({ env_hash }) => env_hash));
  const there = readdirSync(join(home.dir, "env"));
  return [
    ...there.filter((name) => !used.has(name)).map((name) => `the environment ${name} is nobody's`),
    ...[...used].filter((hash) => !there.includes(hash)).map((hash) => `the environment ${hash} is lost`),
  ];
}

/** How often a task was sent back to an earlier checkpoint before its attempt `n`. */
function eraOf(events: Row[], id: number, n: number): number {
  return events.filter(
    ({ task_id, data, attempt }) => task_id === id && data?.includes('"from"') && attempt < n,
  ).length;
}

function stepsFit({ tasks, events, steps, witness }: Facts): string[] {
  const wrong: string[] = [];
  for (const [id, notes] of witness) {
    if (!tasks.some((task) => task.id === id)) continue;
    const journal = steps.filter(({ task_id, kind }) => task_id === id && kind === "step");
    const era = (attempt: number) => eraOf(events, id, attempt);
    const present = Math.max(0, ...notes.map(({ attempt }) => era(attempt)));
    for (const { what, attempt, text } of notes) {
      const row = journal.find(({ name }) => name === text);
      if (what === "acked" && era(attempt) === present && !row) {
        wrong.push(`task ${id}: step ${text} was acknowledged in attempt ${attempt} and is lost`);
      }
      if (what === "ran" && row && era(attempt) === era(row.attempt) && attempt > row.attempt) {
        wrong.push(`task ${id}: step ${text}, acknowledged in attempt ${row.attempt}, ran in ${attempt}`);
      }
    }
    wrong.push(...ranTwice(id, notes));
  }
  return wrong;
}

function ranTwice(id: number, notes: Note[]): string[] {
  const wrong: string[] = [];
  const counts = new Map<string, number>();
  const inFlight = new Map<number, number>();
  for (const { what, attempt, text } of notes) {
    const key = `${attempt} ${text}`;
    if (what === "ran") {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      inFlight.set(attempt, (inFlight.get(attempt) ?? 0) + 1);
    }
    if (what === "acked" && counts.has(key)) inFlight.set(attempt, (inFlight.get(attempt) ?? 0) - 1);
  }
  for (const [key, count] of counts) {
    if (count > 1) wrong.push(`task ${id}: a step ran ${count} times in one attempt: ${key}`);
  }
  for (const [attempt, count] of inFlight) {
    // The modules of these tests run one step after the other.
    if (count > 1) wrong.push(`task ${id}: ${count} steps of attempt ${attempt} ran and did not return`);
  }
  return wrong;
}

function checkpointsFit({ tasks, events, checkpoints, witness }: Facts): string[] {
  return [...witness].flatMap(([id, notes]) => {
    const task = tasks.find((each) => each.id === id);
    const saved = notes.filter(({ what }) => what === "saved").map(({ text }) => Number(text));
    if (!task || saved.length === 0 || eraOf(events, id, Number.POSITIVE_INFINITY) > 0) return [];
    const own = checkpoints.filter(({ task_id }) => task_id === id);
    const newest = Math.max(-1, ...own.map(({ data }) => Number(String(data).trim() || -1)));
    const wrong: string[] = [];
    if (newest < Math.max(...saved))
      wrong.push(`task ${id}: checkpoint ${Math.max(...saved)} was saved and is lost`);
    if (JSON.parse(task.checkpoint ?? "null")?.seq !== own.filter((row) => !row.superseded).at(-1)?.seq) {
      wrong.push(`task ${id} says ${task.checkpoint} and has checkpoints ${own.map(({ seq }) => seq)}`);
    }
    return wrong;
  });
}
