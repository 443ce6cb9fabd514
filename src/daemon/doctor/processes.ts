import { type KnownAttempt, type Problem, RECOVERY_HINT, type Scene, type Tools } from "./problem.ts";

type Process = Scene["processes"][number];

/** How long processes that must not run get between SIGTERM and SIGKILL, in ms. */
const GRACE_MS = 5000;

/** Compares the attempts that should have a process with the processes that bear a marker of this home. */
export function checkProcesses({ tools, attempts, processes }: Scene): Problem[] {
  const byToken = new Map(attempts.map((attempt) => [attempt.token, attempt]));
  const running = new Map<string, Process[]>();
  for (const proc of processes) running.set(proc.token, [...(running.get(proc.token) ?? []), proc]);
  const waitingTokens = new Set(
    processes.filter((proc) => isDescendant(proc, processes, tools.daemonPid)).map(({ token }) => token),
  );
  const problems = [...running].flatMap(([token, all]): Problem[] => {
    const attempt = byToken.get(token);
    if (attempt?.isLive) return [...duplicateProblems(attempt, all), ...unfrozenProblems(attempt, all)];
    if (!attempt && waitingTokens.has(token)) return [];
    return [strayProblem(token, attempt, all)];
  });
  const missing = attempts.filter(({ isLive, token }) => isLive && !running.has(token));
  return [...problems, ...missing.map((attempt) => missingProblem(attempt))];
}

/** Returns whether the daemon started it. A host that waits for a task belongs to no attempt yet. */
function isDescendant(proc: Process, all: Process[], daemonPid: number | null): boolean {
  const seen = new Set<number>();
  for (let current: Process | undefined = proc; current && !seen.has(current.pid); ) {
    if (current.ppid === daemonPid) return true;
    seen.add(current.pid);
    const { ppid }: Process = current;
    current = all.find(({ pid }) => pid === ppid);
  }
  return false;
}

function describe(all: Process[]): string {
  const pids = all.map(({ pid }) => pid).join(", ");
  return `${all.length === 1 ? "process" : "processes"} ${pids}`;
}

function strayProblem(token: string, attempt: KnownAttempt | undefined, all: Process[]): Problem {
  const owner = attempt ? `attempt ${attempt.n} of task ${attempt.task}, which has ended` : "no attempt";
  return {
    check: "processes",
    task: attempt?.task ?? null,
    what: `${describe(all)} (${all[0]?.argv.at(0)}) bear the marker of ${owner}`,
    key: `strangers ${token}`,
    mend: "--repair ends them",
    repair: ({ runner }) => runner.terminate({ key: "", token }, { graceMs: GRACE_MS }),
  };
}

function missingProblem({ task, n, isFrozen }: KnownAttempt): Problem {
  const what = `attempt ${n} of task ${task} is ${isFrozen ? "frozen" : "working"} and has no process`;
  // The daemon starts after every repair, and reads how the attempt ended.
  return { check: "processes", task, what, mend: RECOVERY_HINT, repair: () => {} };
}

/** Reports an attempt that runs twice: a guard starts only one program for an attempt. */
function duplicateProblems({ task, n, pid }: KnownAttempt, all: Process[]): Problem[] {
  const programs = all.filter(({ isProgram }) => isProgram);
  if (programs.length < 2) return [];
  const extra = programs.filter((program) => program.pid !== pid);
  const repair = ({ runner: _ }: Tools) => {
    for (const proc of extra.flatMap((program) => [program, ...descendantsOf(program, all)])) kill(proc.pid);
  };
  const what = `attempt ${n} of task ${task} runs ${programs.length} times, as ${describe(programs)}`;
  const isClear = extra.length === programs.length - 1;
  const mend = isClear ? `--repair ends ${describe(extra)}` : `agentctl cancel ${task}`;
  return [{ check: "processes", task, what, key: `twice ${task}`, mend, repair: isClear ? repair : null }];
}

function descendantsOf(root: Process, all: Process[]): Process[] {
  const children = all.filter(({ ppid }) => ppid === root.pid);
  return [...children, ...children.flatMap((child) => descendantsOf(child, all))];
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has already ended.
  }
}

function unfrozenProblems({ task, token, isFrozen }: KnownAttempt, all: Process[]): Problem[] {
  const runnable = all.filter(({ state }) => state !== "T" && state !== "t");
  if (!isFrozen || runnable.length === 0) return [];
  return [
    {
      check: "processes",
      task,
      what: `task ${task} is frozen, and ${describe(runnable)} of it can run`,
      key: `unfrozen ${task}`,
      mend: "--repair stops them",
      repair: async ({ runner }) => void (await runner.freeze({ key: "", token })),
    },
  ];
}
