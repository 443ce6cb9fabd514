import type { AgentctlError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { endFailed } from "./pause/refused-signals.ts";

/** How long, in ms, a module's host may take to confirm its cancel. We check again, at this interval, until it has. */
const CHECK_INTERVAL_MS = 700;
/** This much CPU time in that interval, in ms, shows that its event loop is blocked and not waiting for the CPU. */
const BLOCKED_CPU_MS = 250;

/**
 * Returns a signal that aborts when a module blocks its own event loop. Such a module receives neither the cancel nor
 * SIGTERM, so there is no use in waiting for its grace time.
 */
function blockedSignal({ runner }: Engine, active: ActiveAttempt): AbortSignal {
  const blocked = new AbortController();
  const { running } = active;
  if (active.isModule && active.link && running) {
    const before = runner.cpuMs(running);
    const checkLater = () => void setTimeout(check, CHECK_INTERVAL_MS).unref();
    const check = () => {
      if (active.hasConfirmedCancel || active.isEnding) return;
      if (runner.cpuMs(running) - before >= BLOCKED_CPU_MS) blocked.abort();
      else checkLater();
    };
    checkLater();
  }
  return blocked.signal;
}

/**
 * Notifies the attempt and ends its tree; `finish` then records the end. Returns the reason if the tree cannot be
 * ended, such as a process that we may not signal, else null. If that process is the program, the task goes on running.
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
      await engine.runner.terminate(active.running, { graceMs, cut: blockedSignal(engine, active) });
    engine.fault("cancel:after-end");
    return null;
  } catch (error) {
    engine.log.error({ task: active.taskId, error: String(error) }, "a tree could not be ended");
    // The program has ended, which is recorded all the same. Report the processes that are left.
    if (active.isEnding) {
      const task = await active.ended.promise.catch(() => null);
      return endFailed(active, error, task?.state ?? "working");
    }
    active.dropRequest();
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent: null }]).catch(() => {});
    return endFailed(active, error, "working");
  }
}
