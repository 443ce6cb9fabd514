import type { PauseIntent, Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { MAX_TIMER_MS } from "../timeout.ts";
import { abortPause } from "./abort.ts";
import { pauseFailed } from "./refused-signals.ts";

/**
 * How long, in ms, from the notice that the grace time is over, which aborts a module's signal, until the kill. It is a
 * second less what the kill may take, so that a pause returns within the grace time plus a second.
 */
const KILL_DELAY_MS = 800;

/** Asks an attempt for its checkpoint: on its connection if it said hello, else by the pause signal. */
export async function ask(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  intent: PauseIntent,
): Promise<void> {
  setGrace(engine, active, intent.graceMs);
  engine.fault("pause:before-ask");
  await sendPause(engine, active, task, intent);
  engine.fault("pause:after-ask");
}

async function sendPause(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  intent: PauseIntent,
): Promise<void> {
  if (active.link) return active.link.pause({ graceMs: intent.graceMs, over: false });
  // A module, or a program that lost its connection, learns of the pause when it says hello (again).
  if (active.isModule || active.saidHello || !active.running) return;
  await active.running.started.catch(() => {});
  if (active.isEnding) return;
  engine.runner.signal(active.running, task.pauseSignal as NodeJS.Signals);
}

/** Starts the grace time of the pause under way again, with `graceMs`. */
export function setGrace(engine: Engine, active: ActiveAttempt, graceMs: number): void {
  if (active.isEnding) return;
  const deadline = engine.clock.mono() + graceMs;
  const onTimer = () => logFailure(engine, active, endGrace(engine, active, graceMs, deadline));
  active.setGrace(setTimeout(onTimer, Math.min(graceMs, MAX_TIMER_MS)), deadline);
}

async function endGrace(
  engine: Engine,
  active: ActiveAttempt,
  graceMs: number,
  deadline: number,
): Promise<void> {
  const { intent } = active;
  if (active.isEnding || intent?.kind !== "pause") return;
  active.link?.pause({ graceMs: 0, over: true });
  if (active.link && active.isAgent) return await interrupt(engine, active, intent, deadline);
  if (!active.link || graceMs === 0) return await force(engine, active, intent);
  const kill = () => logFailure(engine, active, force(engine, active, intent));
  active.setGrace(setTimeout(kill, KILL_DELAY_MS), deadline);
}

/** How long, in ms, an agent may take to stop its turn, and its host to note what was cut off. */
const INTERRUPT_TIMEOUT_MS = 6000;

/** Lets the agent's host interrupt the agent and report what was cut off. The pause counts as forced in any case. */
async function interrupt(
  engine: Engine,
  active: ActiveAttempt,
  intent: PauseIntent,
  deadline: number,
): Promise<void> {
  intent.forced = true;
  await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
  if (active.isEnding || active.intent !== intent) return;
  const kill = () => logFailure(engine, active, force(engine, active, intent));
  active.setGrace(setTimeout(kill, INTERRUPT_TIMEOUT_MS), deadline);
}

/** Kills the tree. The last saved checkpoint stays valid. */
async function force(engine: Engine, active: ActiveAttempt, intent: PauseIntent): Promise<void> {
  if (active.isEnding || active.intent !== intent || !active.running) return;
  intent.forced = true;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
    engine.fault("pause:before-kill");
    await engine.runner.terminate(active.running, { graceMs: 0 });
    engine.fault("pause:after-kill");
  } catch (error) {
    if (active.isEnding) return;
    intent.forced = false;
    await abortPause(engine, active, pauseFailed(active, error));
  }
}

/** Logs the failure of work that a timer began, since no caller waits for it. */
function logFailure(engine: Engine, active: ActiveAttempt, work: Promise<void>): void {
  work.catch((error) =>
    engine.log.error({ task: active.taskId, error: String(error) }, "a pause could not go on"),
  );
}
