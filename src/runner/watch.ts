import type { Handle } from "./handle.ts";
import { askKeeper } from "./keeper.ts";
import { readRecords } from "./run-files.ts";
import type { Supervision } from "./supervision.ts";
import { isAlive } from "./tree/scan.ts";

/** How often a young attempt is looked at; an old one is looked at less often, in proportion to its age. */
const SHORTEST_POLL_MS = 50;
const LONGEST_POLL_MS = 250;
const POLLS_PER_AGE = 10;
/** Until the program is known, which takes a guard a few milliseconds. */
const BIRTH_POLL_MS = 5;

/**
 * Waits for the end of an attempt, and holds no process open. A guard writes the status before it ends, so the attempt
 * is not lost while it lives; where it is gone, the end of the program has no status. A program that has ended while
 * something else holds its output is a zombie until the keeper of its output is asked.
 */
export function watch(handle: Handle, supervision: Supervision): void {
  const { runDir, clock, processes } = supervision;
  const { running } = handle;
  const since = performance.now();
  let wasOver = false;

  const look = () => {
    if (handle.isOver) return;
    // A guard that was started here tells by itself.
    const records =
      running.program && running.guard ? undefined : readRecords(runDir, running.key, processes);
    if (!running.program && records?.birth) handle.born(records.birth.program);
    // The end of one that was started here is told by the system.
    if (running.guard && (running.launchedAt !== null || isAlive(processes, running.guard))) {
      lookAtProgram();
      return lookAgain();
    }
    handle.guardIs(null);
    // The guard's last act was to write it, so it is there now or never.
    const left = readRecords(runDir, running.key, processes)?.ended;
    if (left) return handle.end(left);
    if (running.program && isAlive(processes, running.program)) return lookAgain();
    handle.end({ exitCode: null, signal: null, endedAt: clock.now(), lost: true });
  };
  const lookAtProgram = () => {
    const { program, guard } = running;
    if (!program || !guard || !processes.hasStatus) return;
    const isOver = !isAlive(processes, program);
    // Mostly its guard says so in a moment, when all of the output is in the log.
    if (isOver && wasOver) askKeeper(guard, running.key, supervision);
    wasOver = isOver;
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
