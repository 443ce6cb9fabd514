/** Pausing and resuming by selector; a selector that means whole queues also holds and releases those queues. */
import { defined } from "../../core/defined.ts";
import { type AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { pausableStates, type State } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import { carryOut } from "../attempt/pause/carry-out.ts";
import { type Paused, type PauseOptions, prepare, type Request, record } from "../attempt/pause/request.ts";
import type { Engine } from "../engine.ts";
import { hasMoved } from "../refusals.ts";
import { pause } from "./pause.ts";
import { type ResumeOptions, resume } from "./resume.ts";

export interface Selector {
  all?: boolean;
  queue?: string;
  labels?: Record<string, string>;
  state?: readonly State[];
}

/** The result for one of the tasks that a selector matches. */
type Answer = ({ id: number } & Paused) | { id: number; error: AgentctlError };

export interface Answers {
  results: Answer[];
  /** Tasks that the selector matches but that were left unchanged. */
  left: { task: Task; reason: string }[];
}

/** Returns the name under which a pause holds queues; null if the selector means less than whole queues. */
export function groupOf({ queue, labels, state }: Selector): string | null {
  if (labels || state) return null;
  return queue === undefined ? "all" : `queue:${queue}`;
}

/** Returns the selector with that name. */
export function selectorOf(group: string): Selector {
  return group === "all" ? { all: true } : { queue: group.slice("queue:".length) };
}

/** Returns the tasks in one of `states` that the selector matches now. */
export async function listSelected(
  engine: Engine,
  selector: Selector,
  states: readonly State[],
): Promise<Task[]> {
  const matching = selector.state ? states.filter((state) => selector.state?.includes(state)) : states;
  const { queue, labels } = selector;
  return await engine.store.list({ states: matching, limit: 1_000_000, ...defined({ queue, labels }) });
}

/** How many times to list the tasks again if one of them ended before the request was recorded. */
const MAX_TRIES = 20;

/** Pauses every running task that the selector matches, and holds its queues in the same transaction. */
export async function pauseSelected(
  engine: Engine,
  selector: Selector,
  options: PauseOptions,
): Promise<Answers> {
  const group = groupOf(selector);
  const queues = selector.queue === undefined ? ("all" as const) : [selector.queue];
  const hold = group === null ? undefined : { queues, by: group, until: options.until ?? null };
  for (let tries = 1; ; tries++) {
    const tasks = await listPausable(engine, selector, options);
    const requests = tasks.flatMap((task) => requestFor(engine, task, { ...options, group }));
    try {
      await record(engine, requests, hold);
      // The scheduler must wait for the end of the hold.
      if (hold?.until) engine.wake();
      return {
        results: await Promise.all(tasks.map((task) => pauseOne(engine, task, requests, options, group))),
        left: [],
      };
    } catch (error) {
      if (!hasMoved(error) || tries === MAX_TRIES) throw error;
    }
  }
}

/** Returns the running tasks, and with mode `checkpoint` also the frozen ones, which must still save a checkpoint. */
async function listPausable(engine: Engine, selector: Selector, { mode }: PauseOptions): Promise<Task[]> {
  if (mode !== "checkpoint") return await listSelected(engine, selector, pausableStates);
  const tasks = await listSelected(engine, selector, [...pausableStates, "suspended"]);
  return tasks.filter(({ state, frozen }) => state !== "suspended" || frozen);
}

function requestFor(engine: Engine, task: Task, options: PauseOptions): Request[] {
  const active = engine.active.get(task.id);
  if (!active || task.state !== "working" || !active.agreesWithStore(task)) return [];
  return active.canRequest("pause") ? [prepare(engine, active, task, options)] : [];
}

async function pauseOne(
  engine: Engine,
  task: Task,
  requests: Request[],
  options: PauseOptions,
  group: string | null,
): Promise<Answer> {
  const request = requests.find(({ active }) => active.taskId === task.id);
  return await answerFor(task.id, async () =>
    request ? await carryOut(engine, request, options) : await pause(engine, task.id, { ...options, group }),
  );
}

export async function answerFor(id: number, act: () => Promise<Paused>): Promise<Answer> {
  try {
    return { id, ...(await act()) };
  } catch (error) {
    return { id, error: asAgentctlError(error) };
  }
}

/** Resumes the tasks that a pause with the same selector suspended, and releases the queues that it holds. */
export async function resumeSelected(
  engine: Engine,
  selector: Selector,
  options: ResumeOptions,
): Promise<Answers> {
  const group = groupOf(selector);
  const suspended = await listSelected(engine, selector, ["suspended"]);
  const isInGroup = (task: Task) => group === null || task.pause?.group === group;
  const results: Answer[] = [];
  for (const task of suspended.filter(isInGroup)) {
    results.push(await answerFor(task.id, async () => await resume(engine, task.id, options)));
  }
  if (group !== null) await engine.store.releaseHeldBy(group);
  engine.wake();
  const left = suspended
    .filter((task) => !isInGroup(task))
    .map((task) => ({ task, reason: leftReason(task) }));
  return { results, left };
}

function leftReason({ pause }: Task): string {
  if (pause?.group)
    return `it was paused with ${pause.group === "all" ? "--all" : `--queue ${pause.group.slice(6)}`}`;
  return pause?.cause === "user"
    ? `${pause.actor} paused it, and not with this selector`
    : `it is suspended: ${pause?.cause}`;
}
