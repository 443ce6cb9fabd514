import { adopt } from "./adopt.ts";
import { cannotStart } from "./cannot-start.ts";
import { isGuard as isGuardArgv } from "./guard-file.ts";
import { launch } from "./launch.ts";
import { makePipes } from "./pipes.ts";
import { forgetRunFile, readRecords } from "./run-files.ts";
import { StepReader, stepFile } from "./step-reader.ts";
import type { Supervision } from "./supervision.ts";
import { freezeTree, thawTree } from "./tree/freeze.ts";
import { releaseOrphans } from "./tree/orphans.ts";
import { createProcesses } from "./tree/platform.ts";
import { isAlive, isGuard, movingOf, scanTree } from "./tree/scan.ts";
import { deliverTo, maySignal } from "./tree/signals.ts";
import { type StartTimeCache, sweepTree } from "./tree/sweep.ts";
import { terminateTree } from "./tree/terminate.ts";
import { Trees } from "./tree/trees.ts";
import type { Runner } from "./types.ts";

export interface RunnerOptions {
  /** The folder of the run files. It must exist on a local disk, and nobody else may use it. */
  runDir: string;
  clock: { now(): number };
  /** The shell that runs guards. Any POSIX shell will do. */
  shell?: string;
  /** The descriptor that `lockNamespace` returns, for a runner that launches. */
  namespaceLock?: number | undefined;
}

/** Creates a runner. Its attempts outlive it and its process; another runner on the same folder adopts them. */
export function createRunner(options: RunnerOptions): Runner {
  const { runDir, clock, shell = "/bin/sh", namespaceLock } = options;
  const processes = createProcesses();
  const trees = new Trees(processes, runDir);
  const supervision: Supervision = { runDir, clock, processes, shell, namespaceLock };
  const startTimeCache: StartTimeCache = { startTimes: new Map(), until: 0 };

  return {
    launch(spec) {
      const running = launch(spec, supervision);
      trees.begin(running, { isAdopted: false });
      return running;
    },
    async adopt(record) {
      const state = await adopt(record, supervision);
      if (state && "running" in state)
        trees.begin(state.running, { isFrozen: record.isFrozen, isAdopted: true });
      return state;
    },
    releaseOrphans: () => releaseOrphans(processes, runDir),
    tree: (roots) =>
      scanTree(processes, roots, trees.treeOf(roots)).members.map((member) => ({
        pid: member.pid,
        ppid: member.ppid,
        startTime: member.startTime,
        state: member.state,
        command: member.command,
        residentBytes: processes.residentBytes(member.pid),
        cpuMs: processes.cpuMs(member.pid),
        isGuard: isGuard(member, roots, processes),
      })),
    async freeze(roots) {
      const { guard } = roots;
      try {
        return await freezeTree(processes, roots, trees.treeOf(roots));
      } finally {
        // The program ended meanwhile, so its guard is not in the tree any more, but may have been stopped with it.
        if (guard && !roots.guard) deliverTo(processes, guard, "SIGCONT");
      }
    },
    thaw: (roots) => thawTree(processes, roots, trees.treeOf(roots)),
    moving: (roots) => movingOf(processes, roots, trees.treeOf(roots)).map(({ pid }) => pid),
    forbidden: (roots) =>
      scanTree(processes, roots, trees.treeOf(roots))
        .members.filter(({ pid }) => !maySignal(pid))
        .map(({ pid, command }) => ({ pid, command })),
    isGone: ({ program, guard }) => {
      const watched = program ?? guard;
      return !watched || !isAlive(processes, watched);
    },
    cpuMs: ({ program }) => (program && isAlive(processes, program) ? processes.cpuMs(program.pid) : 0),
    signal: ({ program }, signal) =>
      program !== null && program !== undefined && deliverTo(processes, program, signal) === "sent",
    async terminate(roots, opts) {
      // If a guard lost its subshell before the program starts, the runner would start another guard.
      await roots.started?.catch(() => undefined);
      await terminateTree(processes, roots, trees.treeOf(roots), opts);
    },
    sweep: (roots, { graceMs }) =>
      sweepTree(processes, roots, trees.treeOf(roots), {
        grace: { graceMs },
        cache: startTimeCache,
      }),
    cannotStart,
    makePipes,
    marked: (home) =>
      processes.marked(home).flatMap(({ pid, token }) => {
        const stat = processes.stat(pid);
        if (!stat || stat.state === "Z" || pid === process.pid) return [];
        const argv = processes.argv(pid);
        const isProgram = isGuardArgv(processes.argv(stat.ppid), runDir);
        const ppid = isProgram ? (processes.stat(stat.ppid)?.ppid ?? 0) : stat.ppid;
        return [{ pid, token, ppid, state: stat.state, argv, isProgram }];
      }),
    programOf: (key) => readRecords(runDir, key, processes)?.birth?.program,
    stepFile: (key) => stepFile(runDir, key),
    steps: (key) => new StepReader(runDir, key),
    forget(key) {
      forgetRunFile(runDir, key);
      trees.forget(key);
    },
  };
}
