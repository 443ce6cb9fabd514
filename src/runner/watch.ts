import type { Handle } from "./handle.ts";
import { readRecords } from "./run-files.ts";
import { endedByWait } from "./status.ts";
import type { Supervision } from "./supervision.ts";
import { isAlive } from "./tree/scan.ts";

/** How often a young attempt is looked at; an old one is looked at less often, in proportion to its age. */
const SHORTEST_POLL_MS = 100;
const LONGEST_POLL_MS = 1000;
const POLLS_PER_AGE = 10;
/** Until the program is known, which takes a guard a few milliseconds. */
const BIRTH_POLL_MS = 5;

/**
 * Waits for the end of an attempt, and holds no process open. A guard writes the status before it ends, so the attempt
 * is not lost while it lives. It writes late where something else still holds the output open: then the status is read
 * from the program, which stays a zombie until its guard has seen that nobody prints any more. Where the guard is gone
 * the end of the program has no status.
 */
export function watch(handle: Handle, { runDir, clock, processes }: Supervision): void {
  const { running } = handle;
  const since = performance.now();
  let wasOver = false;

  const look = () => {
    if (handle.isOver) return;
    const records =
      running.program && running.guard ? undefined : readRecords(runDir, running.key, processes);
    if (!running.program && records?.birth) handle.born(records.birth.program);
    if (running.guard && isAlive(processes, running.guard)) return lookAtProgram();
    handle.guardIs(null);
    // The guard's last act was to write it, so it is there now or never.
    const left = readRecords(runDir, running.key, processes)?.ended;
    if (left) return handle.end(left);
    if (running.program && isAlive(processes, running.program)) return lookAgain();
    handle.end({ exitCode: null, signal: null, endedAt: clock.now(), lost: true });
  };
  const lookAtProgram = () => {
    const { program } = running;
    const status = program ? processes.waitStatus(program) : undefined;
    // Mostly its guard says so in a moment, when all of the output is in the log.
    if (status !== undefined && wasOver) return handle.end(endedByWait(status, clock.now()));
    wasOver = status !== undefined;
    lookAgain();
  };
  const lookAgain = () => {
    const age = performance.now() - since;
    const pollMs = Math.min(LONGEST_POLL_MS, Math.max(SHORTEST_POLL_MS, age / POLLS_PER_AGE));
    setTimeout(look, running.program || age > LONGEST_POLL_MS ? pollMs : BIRTH_POLL_MS).unref();
  };
  // What was just launched has nothing to show yet.
  if (running.launchedAt === null) look();
  else lookAgain();
}
