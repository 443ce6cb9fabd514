/**
 * Checks what must hold for a home once it has settled, whatever has happened to it: for its store, its files, its
 * processes and the notes of its tasks. Each rule is one function that returns a sentence for each violation.
 *
 * A task that takes part writes a line to `work/witness/<id>` for each thing when it does it:
 *
 *   began <attempt> <pid>     its process began
 *   ran <attempt> <step>      the function of a step was entered
 *   acked <attempt> <step>    the step's call returned
 *   saved <attempt> <n>       a checkpoint with the content n was acknowledged
 *   tool <attempt> <step>     a tool of a coding agent began
 *   told <attempt> <step>     the tool's result is in the agent's conversation
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isTerminal, type State, states, transitions } from "../../src/core/machine.ts";
import { treeMarker } from "../../src/home/tree-marker.ts";
import type { Home } from "../harness/home.ts";
import { until } from "../harness/until.ts";
import { type Acknowledged, type Facts, factsOf } from "./facts.ts";
import { guards } from "./processes-of-tasks.ts";
import { checkpointsFit, stepsFit, toolsFit } from "./witness-rules.ts";

/** Waits until the home has settled without violations. Throws with all violations if it does not. */
export async function check(home: Home, known: Acknowledged, deadlineMs = 20_000): Promise<void> {
  let wrong: string[] = [];
  const isRight = () => {
    wrong = violations(home, known);
    return wrong.length === 0;
  };
  await until(isRight, { deadlineMs, everyMs: 50 }).catch(() => {
    throw new Error(`the home is not as it must be:\n  ${wrong.join("\n  ")}`);
  });
}

/** Returns all violations at this moment. */
function violations(home: Home, known: Acknowledged): string[] {
  const facts = factsOf(home, known);
  return rules.flatMap((rule) => rule(facts));
}

/** The rules for rows and notes, which hold wherever the processes run. */
export const rulesOfRows: ((facts: Facts) => string[])[] = [
  noTaskIsLost,
  endsStand,
  eventsAreOneChain,
  numbersHaveNoGap,
  attemptsFit,
  oneProcessForOneTask,
  stepsFit,
  checkpointsFit,
  toolsFit,
];

const rules: ((facts: Facts) => string[])[] = [
  ...rulesOfRows,
  storeIsWhole,
  processesFit,
  runFilesFit,
  environmentsFit,
  artifactsFit,
];

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

/** Causes of events that do not change the state. */
const NO_MOVE = new Set(["pause", "moving", "hold", "release", "delete", "lost", "corrupt", "cannot-resume"]);

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
  // The events of a deleted task are deleted too.
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
  const bears = (each: string, token: string) => each === token || each === treeMarker(token);
  for (const task of tasks) {
    const live = attempts.find(({ task_id, n }) => task_id === task.id && n === task.attempt);
    const own = live ? bearers.filter(({ token }) => bears(token, live.token)) : [];
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
    const attempt = attempts.find((each) => bears(token, each.token));
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
    const key = /^(?!spare-)(.+)\.(?:run|log)$/.exec(name)?.[1];
    // A host that waits for a task has files but no attempt.
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

function artifactsFit({ home, artifacts }: Facts): string[] {
  return artifacts.flatMap(({ task_id, name, size, sha256 }) => {
    const folder = join(home.dir, "tasks", `${task_id}.kept`);
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
    const file = files.find((path) => path.endsWith(join("artifacts", name)));
    const bytes = file === undefined ? Buffer.alloc(0) : readFileSync(join(folder, file));
    const isSame = bytes.length === size && createHash("sha256").update(bytes).digest("hex") === sha256;
    return isSame ? [] : [`task ${task_id}: the artifact ${name} is not what its row says`];
  });
}
