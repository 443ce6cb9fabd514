import type { AgentctlError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { endFailed } from "./pause/refused-signals.ts";

/** How long a module's host may take to say that it heard of its cancel; we look again until it has. */
const DEAF_MS = 700;
/** So much of that on the CPU shows that its event loop is blocked, and does not only wait for its turn. */
const BUSY_MS = 250;

/**
 * Aborts where a module blocks its own event loop: it hears neither of the cancel nor of SIGTERM, the grace time is of no
 * use to it, and whoever cancels it need not wait for that.
 */
function whenDeaf({ runner }: Engine, active: ActiveAttempt): AbortSignal {
  const deaf = new AbortController();
  const { running } = active;
  if (active.isModule && active.link && running) {
    const before = runner.cpuMs(running);
    const lookLater = () => void setTimeout(look, DEAF_MS).unref();
    const look = () => {
      if (active.isHearing || active.isEnding) return;
      if (runner.cpuMs(running) - before >= BUSY_MS) deaf.abort();
      else lookLater();
    };
    lookLater();
  }
  return deaf.signal;
}

/**
 * Tells the attempt and ends its tree; its end is concluded where every end is. Answers why it cannot be ended, such
 * as a process that may not be signalled: where that is the program, the task is running as before.
 */
export async function endTree(
  engine: Engine,
  active: ActiveAttempt,
  graceMs: number,
): Promise<AgentctlError | null> {
  active.dropTimers();
  active.link?.cancel({ graceMs });
  try {
    engine.fault("cancel:before-end");
    if (active.running)
      await engine.runner.terminate(active.running, { graceMs, cut: whenDeaf(engine, active) });
    engine.fault("cancel:after-end");
    return null;
  } catch (error) {
    engine.log.error({ task: active.taskId, error: String(error) }, "a tree could not be ended");
    // The end of the program is recorded all the same, and the rest is told with it.
    if (active.isEnding) {
      const task = await active.ended.promise.catch(() => null);
      return endFailed(active, error, task?.state ?? "working");
    }
    active.dropRequest();
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent: null }]).catch(() => {});
    return endFailed(active, error, "working");
  }
}
