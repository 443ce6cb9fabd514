import { setImmediate as turn } from "node:timers/promises";
import { asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import { stayFrozen } from "../attempt/pause/stay-frozen.ts";
import { reportGone } from "../attempt/pause/thaw.ts";
import { start } from "../attempt/start.ts";
import type { Engine } from "../engine.ts";
import { isNoRoom } from "../no-room.ts";
import { answer } from "../verbs/answer.ts";
import { pauseAsPlanned } from "../verbs/plan-pause.ts";
import { resumeByItself } from "../verbs/resume.ts";
import { afterJump, ClockWatch } from "./clock-watch.ts";
import { limitsOf } from "./limits.ts";
import { type Action, plan } from "./plan.ts";
import { act } from "./preempt.ts";
import { viewOf } from "./view.ts";

/** How many tasks of one queue are started at once; the next tick follows when these have started. */
const BATCH_SIZE = 64;

/**
 * How long to wait at most between two checks while waiting for a point in time, in ms, because the wall clock may jump
 * and the machine may sleep.
 */
const MAX_WAIT_MS = 30_000;

/** How long to wait before a failed action is tried again, in ms. */
const RETRY_MS = 1000;

/** How often to check stopped processes, in ms: nothing reports their end. */
const FROZEN_CHECK_MS = 1000;

/** Starts tasks and does what is due as soon as something happens, not at a fixed interval. */
export class Scheduler {
  readonly #engine: Engine;
  #running: Promise<void> | null = null;
  #isRequested = false;
  #timer: NodeJS.Timeout | null = null;
  #frozenTimer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    engine.onWake(() => this.wake());
    const watch = new ClockWatch(engine.clock);
    this.#frozenTimer = setInterval(() => {
      void this.#checkFrozen();
      const jumpMs = watch.jump();
      if (jumpMs !== 0) void this.#handleJump(jumpMs);
      // Nothing reports when memory becomes short or available again.
      if (engine.settings.memoryReserve !== "off") this.wake();
    }, FROZEN_CHECK_MS);
  }

  /** Runs a tick soon; several calls before it runs cause only one tick. */
  wake(): void {
    if (this.#isStopped) return;
    this.#isRequested = true;
    if (!this.#engine.isRecovering) this.#running ??= this.#loop();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#frozenTimer) clearInterval(this.#frozenTimer);
  }

  async #loop(): Promise<void> {
    let now = this.#engine.clock.now();
    try {
      while (this.#isRequested && !this.#isStopped) {
        this.#isRequested = false;
        now = this.#engine.clock.now();
        const started = await tick(this.#engine, now);
        if (started > 0) this.#isRequested = true;
        // Let other work of the daemon run between two ticks.
        await turn();
      }
      await this.#setTimer(now);
    } catch (error) {
      this.#engine.log.error({ error: asAgentctlError(error).message }, "the scheduler failed");
      this.#wakeIn(RETRY_MS);
    } finally {
      this.#running = null;
      if (this.#isRequested) this.wake();
    }
  }

  /** Sets the timer for the next tick; `now` is the time of the last tick. */
  async #setTimer(now: number): Promise<void> {
    const { tasks, holds, next } = await this.#engine.store.due(now);
    // What is still due has failed and must be tried again.
    const isOverdue = tasks.length + holds.length > 0;
    const maxWait = isOverdue ? RETRY_MS : MAX_WAIT_MS;
    const wait = next === null ? MAX_WAIT_MS : Math.max(1, next - this.#engine.clock.now());
    if (isOverdue || next !== null) this.#wakeIn(Math.min(maxWait, wait));
  }

  #wakeIn(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => this.wake(), ms);
  }

  async #handleJump(jumpMs: number): Promise<void> {
    await afterJump(this.#engine, jumpMs).catch((error) => {
      this.#engine.log.warn({ error: String(error) }, "the reaction to a jump of the clock failed");
    });
  }

  async #checkOne(active: ActiveAttempt): Promise<void> {
    const engine = this.#engine;
    if (active.running && engine.runner.isGone(active.running)) {
      await reportGone(engine, await engine.require(active.taskId));
      return;
    }
    const pids = await stayFrozen(engine, active);
    const fields = { task: active.taskId, pids };
    if (pids.length > 0)
      engine.log.warn(fields, "a frozen task was continued from outside, and is stopped again");
  }

  async #checkFrozen(): Promise<void> {
    for (const active of [...this.#engine.active.values()]) {
      if (!active.frozen || !active.running) continue;
      try {
        await this.#checkOne(active);
      } catch (error) {
        this.#engine.log.error(
          { task: active.taskId, error: String(error) },
          "a frozen task could not be kept as it is",
        );
      }
    }
  }
}

/** Does what is due at `now`, then starts what can be started. Returns the number of actions. */
export async function tick(engine: Engine, now = engine.clock.now()): Promise<number> {
  if (engine.isStopping) return 0;
  await doWhatIsDue(engine, now);
  if (engine.isHolding) return 0;
  const limits = limitsOf(engine);
  const { slotsMax, memory } = limits;
  const withWorking = memory !== null && memory.available < memory.reserve;
  const snapshot = await engine.store.snapshot({
    perQueue: BATCH_SIZE,
    slotsMax,
    leaving: engine.leaving,
    withWorking,
  });
  const { actions } = plan(viewOf(engine, snapshot), limits, now);
  await Promise.all(actions.map((action) => actOrLog(engine, action)));
  return actions.length;
}

async function actOrLog(engine: Engine, action: Action): Promise<void> {
  try {
    if (action.kind === "start") await start(engine, action);
    else await act(engine, action);
  } catch (error) {
    const { name, message } = asAgentctlError(error);
    engine.log.error({ task: action.id, error: message }, "a start failed");
    // The queue has not changed, so without this delay the next tick would repeat the failing start at once.
    const isTemporary =
      name === "StoreUnavailable" ||
      name === "InstallationRemoved" ||
      isNoRoom((error as NodeJS.ErrnoException).code);
    if (isTemporary) await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function doWhatIsDue(engine: Engine, now: number): Promise<void> {
  const { tasks, holds } = await engine.store.due(now);
  for (const holder of holds) {
    await engine.store.releaseHeldBy(holder).catch((error) => {
      engine.log.warn({ by: holder, error: asAgentctlError(error).message }, "a hold could not be ended");
    });
  }
  for (const task of tasks) {
    try {
      await handleDue(engine, task, now);
    } catch (error) {
      engine.log.warn({ task: task.id, error: asAgentctlError(error).message }, "a due action failed");
    }
  }
}

/** Does what is due for a task. */
async function handleDue(engine: Engine, task: Task, now: number): Promise<void> {
  const isDue = (at: number | null | undefined): at is number => at !== null && at !== undefined && at <= now;
  if (isDue(task.notBefore) && (task.state === "submitted" || task.state === "resumed")) {
    await engine.store.update(task.id, { notBefore: null, delay: null });
  }
  if (task.state === "suspended" && task.pause && isDue(task.pause.until)) {
    const { cause, until } = task.pause;
    await resumeByItself(engine, task.id, cause === "lost" ? "lost" : "until", until);
  }
  if (task.pauseAt && isDue(task.pauseAt.at)) await pauseAsPlanned(engine, task, task.pauseAt);
  if (task.question && isDue(task.question.deadline)) {
    await answer(engine, task.id, { text: task.question.fallback ?? "", actor: "daemon", isFallback: true });
  }
}
