import { asAgentctlError } from "../core/errors.ts";
import type { PauseIntent, Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import type { Live } from "./live.ts";
import { LONGEST_TIMER_MS } from "./timeout.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Between the word that the grace time is over, which aborts a module's signal, and the kill: a second, less what
 * the kill itself may take, so that a pause has returned within the grace time and a second.
 */
const COURTESY_MS = 800;

/** Asks an attempt for its checkpoint: on the socket who said hello, by the pause signal any other program. */
export async function ask(engine: Engine, live: Live, task: Task, intent: PauseIntent): Promise<void> {
  setGrace(engine, live, intent.graceMs);
  engine.fault("pause:before-ask");
  await tell(engine, live, task, intent);
  engine.fault("pause:after-ask");
}

async function tell(engine: Engine, live: Live, task: Task, intent: PauseIntent): Promise<void> {
  if (live.link) return live.link.notify("attempt/pause", { graceMs: intent.graceMs, over: false });
  // A module, or who has said hello and lost its connection, is told when it says hello (again).
  if (live.isModule || live.saidHello || !live.running) return;
  await live.running.started.catch(() => {});
  if (live.isEnding) return;
  engine.runner.signal(live.running, task.pauseSignal as NodeJS.Signals);
}

/** The grace time of the pause under way begins anew. */
export function setGrace(engine: Engine, live: Live, graceMs: number): void {
  if (live.isEnding) return;
  if (live.grace.timer) clearTimeout(live.grace.timer);
  live.grace.deadline = engine.clock.mono() + graceMs;
  live.grace.timer = setTimeout(
    () => orLog(engine, live, graceIsOver(engine, live, graceMs)),
    Math.min(graceMs, LONGEST_TIMER_MS),
  );
}

async function graceIsOver(engine: Engine, live: Live, graceMs: number): Promise<void> {
  const { intent } = live;
  if (live.isEnding || intent?.kind !== "pause") return;
  live.link?.notify("attempt/pause", { graceMs: 0, over: true });
  if (!live.link || graceMs === 0) return await force(engine, live, intent);
  live.grace.timer = setTimeout(() => orLog(engine, live, force(engine, live, intent)), COURTESY_MS);
}

/** Kills the tree; the last saved checkpoint stands. */
async function force(engine: Engine, live: Live, intent: PauseIntent): Promise<void> {
  if (live.isEnding || live.intent !== intent || !live.running) return;
  intent.forced = true;
  try {
    await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent }]);
    engine.fault("pause:before-kill");
    await engine.runner.terminate(live.running, { graceMs: 0 });
    engine.fault("pause:after-kill");
  } catch (error) {
    if (live.isEnding) return;
    intent.forced = false;
    await withdraw(engine, live, asAgentctlError(error));
  }
}

/** What a timer began has nobody else to tell. */
function orLog(engine: Engine, live: Live, work: Promise<void>): void {
  work.catch((error) =>
    engine.log.error({ task: live.taskId, error: String(error) }, "a pause could not go on"),
  );
}
