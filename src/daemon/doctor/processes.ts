import { BY_RECOVERY, type KnownAttempt, type Problem, type Scene, type Tools } from "./problem.ts";

type Process = Scene["processes"][number];

/** How long processes that must not run get between SIGTERM and SIGKILL, in ms. */
const GRACE_MS = 5000;

/** Compares the attempts that should have a process with the processes that bear a marker of this home. */
export function checkProcesses({ tools, attempts, processes }: Scene): Problem[] {
  const byToken = new Map(attempts.map((attempt) => [attempt.token, attempt]));
  const running = new Map<string, Process[]>();
  for (const one of processes) running.set(one.token, [...(running.get(one.token) ?? []), one]);
  const waits = new Set(
    processes.filter((one) => descends(one, processes, tools.daemonPid)).map(({ token }) => token),
  );
  const problems = [...running].flatMap(([token, all]): Problem[] => {
    const attempt = byToken.get(token);
    if (attempt?.isLive) return [...duplicated(attempt, all), ...unfrozen(attempt, all)];
    if (!attempt && waits.has(token)) return [];
    return [stranger(token, attempt, all)];
  });
  const gone = attempts.filter(({ isLive, token }) => isLive && !running.has(token));
  return [...problems, ...gone.map((attempt) => withoutProcess(attempt))];
}

/** Returns whether the daemon started it. A host that waits for a task belongs to no attempt yet. */
function descends(one: Process, all: Process[], daemonPid: number | null): boolean {
  const seen = new Set<number>();
  for (let at: Process | undefined = one; at && !seen.has(at.pid); ) {
    if (at.ppid === daemonPid) return true;
    seen.add(at.pid);
    const { ppid }: Process = at;
    at = all.find(({ pid }) => pid === ppid);
  }
  return false;
}

function named(all: Process[]): string {
  const pids = all.map(({ pid }) => pid).join(", ");
  return `${all.length === 1 ? "process" : "processes"} ${pids}`;
}

function stranger(token: string, attempt: KnownAttempt | undefined, all: Process[]): Problem {
  const whose = attempt ? `attempt ${attempt.n} of task ${attempt.task}, which has ended` : "no attempt";
  return {
    check: "processes",
    task: attempt?.task ?? null,
    what: `${named(all)} (${all[0]?.argv.at(0)}) bear the marker of ${whose}`,
    key: `strangers ${token}`,
    mend: "--repair ends them",
    repair: ({ runner }) => runner.terminate({ key: "", token }, { graceMs: GRACE_MS }),
  };
}

function withoutProcess({ task, n, isFrozen }: KnownAttempt): Problem {
  const what = `attempt ${n} of task ${task} is ${isFrozen ? "frozen" : "working"} and has no process`;
  // The daemon starts after every repair, and reads how the attempt ended.
  return { check: "processes", task, what, mend: BY_RECOVERY, repair: () => {} };
}

/** Reports an attempt that runs twice: a guard starts only one program for an attempt. */
function duplicated({ task, n, pid }: KnownAttempt, all: Process[]): Problem[] {
  const programs = all.filter(({ isProgram }) => isProgram);
  if (programs.length < 2) return [];
  const extra = programs.filter((program) => program.pid !== pid);
  const repair = ({ runner: _ }: Tools) => {
    for (const one of extra.flatMap((program) => [program, ...below(program, all)])) kill(one.pid);
  };
  const what = `attempt ${n} of task ${task} runs ${programs.length} times, as ${named(programs)}`;
  const isClear = extra.length === programs.length - 1;
  const mend = isClear ? `--repair ends ${named(extra)}` : `agentctl cancel ${task}`;
  return [{ check: "processes", task, what, key: `twice ${task}`, mend, repair: isClear ? repair : null }];
}

function below(root: Process, all: Process[]): Process[] {
  const children = all.filter(({ ppid }) => ppid === root.pid);
  return [...children, ...children.flatMap((child) => below(child, all))];
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has already ended.
  }
}

function unfrozen({ task, token, isFrozen }: KnownAttempt, all: Process[]): Problem[] {
  const moving = all.filter(({ state }) => state !== "T" && state !== "t");
  if (!isFrozen || moving.length === 0) return [];
  return [
    {
      check: "processes",
      task,
      what: `task ${task} is frozen, and ${named(moving)} of it can run`,
      key: `unfrozen ${task}`,
      mend: "--repair stops them",
      repair: async ({ runner }) => void (await runner.freeze({ key: "", token })),
    },
  ];
}
