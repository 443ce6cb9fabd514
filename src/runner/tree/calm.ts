import type { Processes } from "./processes.ts";
import type { TreeScan } from "./scan.ts";

/** The result of a pass over the tree. */
export type Pass = Pick<TreeScan, "vanished" | "unclear" | "late"> & {
  /** Whether the pass found nothing to do. */
  isDone: boolean;
};

/** Counts passes until no process can have been missed between them. */
export interface Calm {
  /** Must be called when a pass begins. */
  beginPass(): void;
  /**
   * Must be called after a pass. Returns whether the tree is known to be at rest. `onLate` is called with the pid of
   * each member that was started behind the pass.
   */
  endPass(pass: Pass, onLate: (pid: number) => void): boolean;
}

/** This many checks of new processes, each shorter than the life of a process, do not all miss a chain of forks. */
const MAX_CHECKS = 300;
/** At most this many new pids are checked: the last ones. */
const MAX_LATE = 64;
/** How often a pass is repeated for processes in the middle of an exec. */
const MAX_UNCLEAR = 100;

/**
 * A pass is not a snapshot: a process may fork a child behind the pass before the pass stops it. If the kernel shows
 * the last pid that it has assigned, every pid since the start of the pass is checked, until no pid was assigned during
 * such a check. Then no process was started unseen. If other programs start processes without a pause, that never
 * happens, and the number of checks is the evidence. If the kernel does not show the pid, two passes in a row must find
 * nothing. If processes vanished in a pass, one may have been a link in a chain of forks, so ten passes are needed.
 */
export function createCalm(processes: Pick<Processes, "lastPid" | "stat">): Calm {
  let firstPid: number | undefined;
  let cleanPasses = 0;
  let donePasses = 0;
  let unclearCount = 0;

  /** Whether no process of the tree was started after the pid `from`. */
  const isQuiet = (from: number, { late }: Pass, onLate: (pid: number) => void): boolean => {
    for (let check = 0; check < MAX_CHECKS; check++) {
      const lastPid = processes.lastPid();
      // The pids have wrapped around.
      if (lastPid === undefined || lastPid < from) return false;
      for (let pid = lastPid; pid > Math.max(from, lastPid - MAX_LATE); pid--) {
        const stat = processes.stat(pid);
        if (stat === undefined || stat.state === "Z") continue;
        const membership = late(stat);
        if (membership === "member") onLate(pid);
        if (membership === "member" || (membership === "unclear" && ++unclearCount < MAX_UNCLEAR))
          return false;
      }
      if (processes.lastPid() === lastPid) return true;
    }
    return true;
  };

  return {
    beginPass() {
      firstPid = processes.lastPid();
    },
    endPass(pass, onLate) {
      const isUnclear = pass.unclear > 0 && ++unclearCount < MAX_UNCLEAR;
      const isDone = pass.isDone && !isUnclear;
      donePasses = isDone ? donePasses + 1 : 0;
      cleanPasses = isDone && pass.vanished === 0 ? cleanPasses + 1 : 0;
      if (!isDone) return false;
      return firstPid === undefined ? cleanPasses >= 2 || donePasses >= 10 : isQuiet(firstPid, pass, onLate);
    },
  };
}
