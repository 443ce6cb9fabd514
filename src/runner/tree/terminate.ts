import { isStopped } from "./freeze.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { createCalm, isAlive, isGuard, type Known, type ScanRoots, scanTree } from "./scan.ts";
import { delay, deliver, deliverTo } from "./signals.ts";

/** How long a guard has to write down the status of a program that was killed. */
const GUARD_MS = 1000;
const LONGEST_WAIT_MS = 100;

interface Grace {
  graceMs: number;
  cut?: AbortSignal | undefined;
}

const nap = (round: number) => delay(Math.min(LONGEST_WAIT_MS, 2 + round * 4));

/** The tree without its guard, which ends by itself after its program. */
function members(processes: Processes, roots: ScanRoots, known: Known) {
  const scan = scanTree(processes, roots, known);
  return {
    vanished: scan.vanished,
    guard: scan.members.find((each) => isGuard(each, roots, processes)),
    others: scan.members.filter((each) => !isGuard(each, roots, processes)),
  };
}

/** SIGTERM, once to each. Whatever is stopped is continued, or it could not obey. */
function ask(all: ProcessStat[], guard: ProcessStat | undefined, asked: Known): void {
  for (const { pid, startTime } of all) {
    if (asked.get(pid) === startTime) continue;
    asked.set(pid, startTime);
    deliver(pid, "SIGTERM");
  }
  const everyone = guard ? [...all, guard] : all;
  if (everyone.some((each) => isStopped(each) || each.state === "D")) {
    for (const { pid } of everyone) deliver(pid, "SIGCONT");
  }
}

function anyAlive(processes: Processes, asked: Known): boolean {
  for (const [pid, startTime] of asked) {
    if (isAlive(processes, { pid, startTime })) return true;
    asked.delete(pid);
  }
  return false;
}

/** Resolves true when all ended within the grace. Between passes over all processes it looks at those it asked. */
async function endWithin(
  processes: Processes,
  roots: ScanRoots,
  known: Known,
  grace: Grace,
): Promise<boolean> {
  const deadline = performance.now() + grace.graceMs;
  const calm = createCalm();
  const asked: Known = new Map();
  const isOver = () => grace.cut?.aborted === true || performance.now() >= deadline;
  for (;;) {
    const { others, guard, vanished } = members(processes, roots, known);
    if (calm.after({ isDone: others.length === 0, vanished })) return true;
    if (others.length > 0 && isOver()) return false;
    await new Promise((resolve) => setImmediate(resolve));
    // Also what a process left behind that ended meanwhile.
    ask(others, guard, asked);
    for (let round = 0; anyAlive(processes, asked) && !isOver(); round++) await nap(round);
  }
}

/** SIGKILL until nothing is left, the guard last. */
async function kill(processes: Processes, roots: ScanRoots, known: Known): Promise<void> {
  const calm = createCalm();
  for (let round = 0; ; round++) {
    const forbidden: ProcessStat[] = [];
    let left = 0;
    const { vanished } = scanTree(processes, roots, known, (member) => {
      if (isGuard(member, roots, processes)) return;
      left++;
      if (deliver(member.pid, "SIGKILL") === "forbidden") forbidden.push(member);
    });
    const [first] = forbidden;
    if (first && forbidden.length === left) {
      throw new Error(`process ${first.pid} (${first.command}) cannot be ended: it may not be signalled`);
    }
    if (calm.after({ isDone: left === 0, vanished })) return;
    if (left > 0) await nap(round);
  }
}

/** A guard writes the status; one that cannot is killed. */
async function endGuard(processes: Processes, roots: ScanRoots): Promise<void> {
  if (!roots.guard) return;
  const deadline = performance.now() + GUARD_MS;
  deliverTo(processes, roots.guard, "SIGCONT");
  // A guard that has told the status runs something else by now, and is none of these roots any more.
  for (let round = 0; roots.guard && isAlive(processes, roots.guard); round++) {
    if (performance.now() > deadline) deliverTo(processes, roots.guard, "SIGKILL");
    await nap(round);
  }
}

/**
 * Ends the whole tree: SIGTERM, then SIGKILL after the grace or as soon as `cut` aborts. Resolves when it is gone;
 * zombies are gone.
 * @throws when a process may not be signalled; everything else is gone by then
 */
export async function terminateTree(processes: Processes, roots: ScanRoots, grace: Grace): Promise<void> {
  const known: Known = new Map();
  const hasEnded = await endWithin(processes, roots, known, grace);
  if (!hasEnded) await kill(processes, roots, known);
  await endGuard(processes, roots);
}

/**
 * Not long enough for the pids to have been given out all round: no machine starts that many processes in the time, as
 * there are at least 32768 pids (PID_MAX_DEFAULT in linux/threads.h, and more of them on machines of many cores).
 */
const YOUNG_MS = 300;

function isYoung({ launchedAt }: ScanRoots): boolean {
  return typeof launchedAt === "number" && performance.now() - launchedAt < YOUNG_MS;
}

/**
 * After the program's end: ends what still bears the marker, and its descendants. A guard that waits for space to
 * write the status is left alone, with its children. Answers whether no process is there that could have come of the
 * program, with its marker or without; `isKnown` are those of others.
 */
export async function sweepTree(
  processes: Processes,
  roots: ScanRoots,
  grace: Grace,
  isKnown: (pid: number) => boolean,
): Promise<boolean> {
  const spare = roots.guard && isAlive(processes, roots.guard) ? roots.guard.pid : undefined;
  const younger = isYoung(roots) && roots.program ? processes.youngerThan(roots.program.pid) : undefined;
  const bearers = younger
    ? younger.filter((pid) => processes.bears(pid, roots.token))
    : processes.bearers(roots.token);
  const isLeft = bearers.some((pid) => pid !== process.pid && pid !== spare);
  if (!isLeft) return younger?.every(isKnown) === true;
  await terminateTree(
    processes,
    { key: roots.key, token: roots.token, program: roots.program ?? null, spare },
    grace,
  );
  return false;
}
