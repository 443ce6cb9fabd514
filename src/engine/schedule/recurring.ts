import { asAgentctlError } from "../../core/errors.ts";
import { openStates } from "../../core/machine.ts";
import { isLate, type Schedule, verdictOf } from "../../core/recurring.ts";
import { toIso } from "../../core/time.ts";
import { cronTimes } from "../cron.ts";
import type { Engine } from "../engine.ts";
import { cancel } from "../verbs/cancel.ts";
import { nextTimes, submitRun } from "../verbs/schedule.ts";
import { ClockWatch } from "./clock-watch.ts";

/** How long to wait at most between two checks, in ms, because the wall clock may jump and the machine may sleep. */
const MAX_WAIT_MS = 15_000;

/** How long to wait, in ms, before checking again what is in progress or has failed. */
const RETRY_MS = 1000;

/**
 * Makes the runs of schedules when they are due. Each run has a key made of the schedule and the planned time, and the
 * schedule advances only after its run is durable. So a crash in between does not make a second run.
 */
export class Recurring {
  readonly #engine: Engine;
  readonly #upSince: number;
  readonly #watch: ClockWatch;
  /** Whether the clock may have been set back since the times were planned, for example between two daemons. */
  #mayBeAhead = true;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  #checking: Promise<void> = Promise.resolve();
  /** The schedules whose run is being made. */
  readonly #inProgress = new Map<string, Promise<void>>();

  constructor(engine: Engine, upSince: number) {
    this.#engine = engine;
    this.#upSince = upSince;
    this.#watch = new ClockWatch(engine.clock);
  }

  /** Checks which schedules are due, and sets the next timer; called at the start and when a schedule has changed. */
  check(): void {
    this.#checking = this.#checking.then(() => this.#check());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#checking;
    await Promise.all(this.#inProgress.values());
  }

  async #check(): Promise<void> {
    if (this.#isStopped) return;
    const { store, clock } = this.#engine;
    let wait = RETRY_MS;
    try {
      if (this.#watch.jump() < 0) this.#mayBeAhead = true;
      if (this.#mayBeAhead) await replan(this.#engine);
      this.#mayBeAhead = false;
      for (const schedule of await store.schedules.due(clock.now())) this.#startRun(schedule);
      const next = await store.schedules.nextAt();
      if (next === null) return;
      wait = Math.min(MAX_WAIT_MS, Math.max(this.#inProgress.size > 0 ? RETRY_MS : 1, next - clock.now()));
    } catch (error) {
      this.#warn(error);
    }
    if (this.#timer) clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => this.check(), wait);
  }

  /** Makes each run independently: one that replaces another run waits for that run to end, up to its grace time. */
  #startRun(schedule: Schedule): void {
    const { name } = schedule;
    if (this.#inProgress.has(name)) return;
    const run = makeRun(this.#engine, schedule, this.#upSince)
      .then(
        () => true,
        (error) => this.#warn(error),
      )
      .then((isMade) => {
        this.#inProgress.delete(name);
        if (isMade) this.check();
      });
    this.#inProgress.set(name, run);
  }

  #warn(error: unknown): false {
    this.#engine.log.warn({ error: String(error) }, "the run of a schedule could not be made");
    return false;
  }
}

/**
 * Plans schedules again whose next time is too late. After the wall clock was set back, a schedule would otherwise wait
 * until the clock has caught up, which may take years.
 */
async function replan({ store, clock }: Engine): Promise<void> {
  for (const schedule of await store.schedules.list()) {
    const next = nextTimes(schedule, clock.now());
    const isAhead = schedule.nextAt !== null && next.nextAt !== null && next.nextAt < schedule.nextAt;
    if (isAhead) await store.schedules.moveOn(schedule, next);
  }
}

/** Makes the run that is due, or skips it, and advances the schedule to its next planned time. */
async function makeRun(engine: Engine, schedule: Schedule, upSince: number): Promise<void> {
  const { store, clock, log } = engine;
  const { name } = schedule;
  const now = clock.now();
  const { planned, isMissed } = plannedAt(schedule, now, upSince);
  const next = nextTimes(schedule, now);
  const key = `schedule ${name} ${toIso(planned)}`;
  // After a crash, or after the clock was set back, a planned time can come twice.
  const existing = await store.find({ key });
  if (existing) {
    await store.schedules.moveOn(schedule, next, { lastAt: planned, lastTask: existing.id, lastError: null });
    return;
  }
  const verdict = verdictOf(schedule, { planned, isMissed, open: await openRuns(engine, name) });
  if ("pass" in verdict) {
    log.info({ schedule: name, planned: toIso(planned), why: verdict.pass }, "a planned run was skipped");
    await store.schedules.moveOn(schedule, next);
    return;
  }
  if (verdict.replaces.length > 0) {
    await Promise.all(verdict.replaces.map((id) => replace(engine, id, name)));
    // The cancel may have taken its whole grace time.
    if (await isOff(engine, schedule)) return;
  }
  const after = verdict.after.map((id) => ({ id, when: "ended" as const }));
  const run = await submitRun(engine, schedule, { actor: "daemon", key, after }).catch(refusal);
  if ("refused" in run) {
    log.warn({ schedule: name, error: run.refused }, "a planned run was refused");
    await store.schedules.moveOn(schedule, next, { lastError: run.refused });
    return;
  }
  await store.schedules.moveOn(schedule, next, { lastAt: planned, lastTask: run.id, lastError: null });
}

/**
 * Returns the open runs of a schedule, also those of `schedule run` and `rerun`. Leaves out a run that another one comes
 * after: the other one is open for longer.
 */
async function openRuns({ store }: Engine, name: string): Promise<number[]> {
  const query = { states: openStates, labels: { schedule: name }, limit: 1_000_000 };
  const runs = await store.list({ ...query, fields: ["id", "after"] });
  const awaited = new Set(runs.flatMap(({ after }) => after.map(({ id }) => id)));
  return runs.flatMap(({ id }) => (awaited.has(id) ? [] : [id]));
}

/** Returns whether the schedule was paused or removed in the meantime. */
async function isOff({ store }: Engine, { name, createdAt }: Schedule): Promise<boolean> {
  const current = await store.schedules.get(name);
  return !current || current.paused || current.createdAt !== createdAt;
}

/** Returns the planned time of the run to make. If several times were missed, only the latest is made up for. */
function plannedAt(
  { cron, tz, createdAt, nextAt, fireAt }: Schedule,
  now: number,
  upSince: number,
): { planned: number; isMissed: boolean } {
  if (nextAt !== null && !isLate(fireAt ?? nextAt, { now, upSince }))
    return { planned: nextAt, isMissed: false };
  const planned = cronTimes(cron, tz, createdAt).latest(now) ?? nextAt ?? now;
  return { planned, isMissed: isLate(planned, { now, upSince }) };
}

/** Returns why a run was refused; it is not tried again. Rethrows store failures and bugs, which are retried. */
function refusal(error: unknown): { refused: string } {
  const { name, message } = asAgentctlError(error);
  if (name === "StoreUnavailable" || name === "InternalError") throw error;
  return { refused: message };
}

async function replace(engine: Engine, id: number, name: string): Promise<void> {
  try {
    await cancel(engine, id, { actor: "daemon", reason: `replaced by the next run of schedule ${name}` });
  } catch (error) {
    // The task has ended in the meantime.
    if (asAgentctlError(error).name !== "TaskNotCancelable") throw error;
  }
}
