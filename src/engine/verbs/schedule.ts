import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Schedule, ScheduledTask } from "../../core/recurring.ts";
import type { Task } from "../../core/task.ts";
import { cronTimes } from "../cron.ts";
import type { Engine } from "../engine.ts";
import { fetchEnvironment, keepEnvironment } from "../files/kept-environment.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { checkSubmission, type Submission, submit } from "./submit.ts";

/** A schedule to add: what its runs are submitted with, and when they run. */
export type NewSchedule = Pick<Schedule, "name" | "cron" | "tz" | "overlap" | "missed" | "jitterMs"> & {
  task: ScheduledTask;
  env: Record<string, string>;
};

/**
 * Adds a schedule. With `replace` it replaces the schedule with the same name, keeps its last run, and stays paused if
 * that one was. Resolves when it is durable. Throws `InvalidParams` for an invalid expression, zone or task, and
 * `UnsupportedOperation` if the name is taken.
 */
export async function addSchedule(
  engine: Engine,
  input: NewSchedule,
  { replace = false }: { replace?: boolean } = {},
): Promise<Schedule> {
  const { env, ...fields } = input;
  const now = engine.clock.now();
  const envHash = await keepEnvironment(engine, env, input.task.envNames ?? []);
  let isMade = false;
  try {
    await checkSubmission(engine, { ...input.task, env }, envHash);
    const { schedules } = engine.store;
    const old = replace ? await schedules.get(input.name) : undefined;
    const schedule: Schedule = {
      ...fields,
      paused: old?.paused ?? false,
      envHash,
      ...timesOf(fields, old, now),
      lastAt: old?.lastAt ?? null,
      lastTask: old?.lastTask ?? null,
      lastError: null,
    };
    isMade = (old && (await schedules.update(input.name, schedule))) || (await schedules.add(schedule));
    if (!isMade) throw nameRefusal(input.name);
    if (old) await dropUnused(engine);
    return schedule;
  } finally {
    engine.environments.settle(envHash);
    if (!isMade) await dropUnused(engine);
  }
}

/** Returns the next times of a schedule. If its timing does not change, the planned times stay. */
function timesOf(
  fields: Pick<Schedule, "cron" | "tz" | "jitterMs">,
  old: Schedule | undefined,
  now: number,
): Pick<Schedule, "createdAt" | "nextAt" | "fireAt"> {
  const { cron, tz, jitterMs } = fields;
  if (old && old.cron === cron && old.tz === tz && old.jitterMs === jitterMs) {
    const { createdAt, nextAt, fireAt } = old;
    return { createdAt, nextAt, fireAt };
  }
  return {
    createdAt: now,
    ...(old?.paused ? { nextAt: null, fireAt: null } : nextTimes({ ...fields, createdAt: now }, now)),
  };
}

/** Returns the schedule with that name; throws `ScheduleNotFound`. */
export async function requireSchedule({ store }: Engine, name: string): Promise<Schedule> {
  const schedule = await store.schedules.get(name);
  if (!schedule) throw new AgentctlError("ScheduleNotFound", { schedule: name });
  return schedule;
}

/** Pauses a schedule, so that it makes no runs. A run that is open continues. */
export async function pauseSchedule(
  engine: Engine,
  name: string,
): Promise<{ schedule: Schedule; changed: boolean }> {
  const schedule = await requireSchedule(engine, name);
  if (schedule.paused) return { schedule, changed: false };
  return {
    schedule: await updateSchedule(engine, schedule, { paused: true, nextAt: null, fireAt: null }),
    changed: true,
  };
}

/** Resumes a schedule from now on; runs that were planned in the meantime are not made up for. */
export async function resumeSchedule(
  engine: Engine,
  name: string,
): Promise<{ schedule: Schedule; changed: boolean }> {
  const schedule = await requireSchedule(engine, name);
  if (!schedule.paused) return { schedule, changed: false };
  const next = nextTimes(schedule, engine.clock.now());
  return { schedule: await updateSchedule(engine, schedule, { paused: false, ...next }), changed: true };
}

/** Removes a schedule; its tasks stay. */
export async function removeSchedule(engine: Engine, name: string): Promise<Schedule> {
  const schedule = await requireSchedule(engine, name);
  await engine.store.schedules.remove(name);
  await dropUnused(engine);
  return schedule;
}

/**
 * Submits one run now, in addition to the planned runs and even if another run is open. Throws `UnsupportedOperation` if
 * its task is refused, for example because its directory has gone since the schedule was added.
 */
export async function runSchedule(engine: Engine, name: string, actor: string): Promise<Task> {
  const schedule = await requireSchedule(engine, name);
  const run = await submitRun(engine, schedule, { actor }).catch((error) => rejectStale(name, error));
  await engine.store.schedules.update(name, { lastAt: run.createdAt, lastTask: run.id });
  return run;
}

/** Replaces an error about a field: the caller of a run passes no fields, but can change the schedule. */
function rejectStale(name: string, error: unknown): never {
  const { name: errorName, data } = asAgentctlError(error);
  if (errorName !== "InvalidParams") throw error;
  const reason = `schedule ${name} cannot make its task: ${data.reason}`;
  const hint = `agentctl schedule add --replace ${name} <cron> <program> changes it`;
  throw new AgentctlError("UnsupportedOperation", { reason, hint }, { cause: error });
}

/** Submits one run. If a task with the `key` exists already, returns that task. */
export async function submitRun(
  engine: Engine,
  schedule: Schedule,
  { actor, ...fields }: { actor: string; key?: string; after?: Submission["after"] },
): Promise<Task> {
  const { task, name, envHash } = schedule;
  const labels = { ...task.labels, schedule: name };
  const env = { ...(await fetchEnvironment(engine, envHash).catch((error) => rejectLost(name, error))) };
  const [result] = await submit(engine, [{ ...task, ...fields, labels, env }], actor);
  return (result as { task: Task }).task;
}

/** Refuses a run whose environment was removed: the file does not come back, so retries are useless. */
function rejectLost(name: string, error: NodeJS.ErrnoException): never {
  if (error.code !== "ENOENT") throw error;
  const reason = `the environment of schedule ${name} is gone`;
  const hint = `agentctl schedule add --replace ${name} <cron> <program> gives it that of your shell`;
  throw new AgentctlError("UnsupportedOperation", { reason, hint }, { cause: error });
}

/** Returns the next planned time after `now`, and when its run is made. */
export function nextTimes(
  { cron, tz, jitterMs, createdAt }: Pick<Schedule, "cron" | "tz" | "jitterMs" | "createdAt">,
  now: number,
): Pick<Schedule, "nextAt" | "fireAt"> {
  const nextAt = cronTimes(cron, tz, createdAt).after(now);
  return { nextAt, fireAt: nextAt === null ? null : nextAt + Math.floor(Math.random() * (jitterMs + 1)) };
}

async function updateSchedule(
  engine: Engine,
  schedule: Schedule,
  patch: Partial<Schedule>,
): Promise<Schedule> {
  await engine.store.schedules.update(schedule.name, patch);
  return { ...schedule, ...patch };
}

function nameRefusal(name: string): AgentctlError {
  const reason = `there is a schedule ${name} already`;
  return new AgentctlError("UnsupportedOperation", {
    reason,
    hint: `with --replace this one takes its place; agentctl schedule remove ${name}`,
  });
}
