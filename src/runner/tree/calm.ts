import type { Processes } from "./processes.ts";
import type { TreeScan } from "./scan.ts";

/** What a pass over the tree has found. */
export type Pass = Pick<TreeScan, "vanished" | "unclear" | "late"> & {
  /** It found nothing to do. */
  isDone: boolean;
};

/** Counts passes until nothing can have slipped through between them. */
export interface Calm {
  /** To be called when a pass begins. */
  before(): void;
  /**
   * Whether the tree is known to be at rest, after a pass. `onLate` is called with the pid of each member that appeared
   * behind the pass.
   */
  after(pass: Pass, onLate: (pid: number) => void): boolean;
}

/** So many looks at what was started meanwhile, each shorter than the life of a process, do not all miss a chain of forks. */
const LOOKS = 300;
/** Of more pids than these only the last ones are looked at. */
const MOST_LATE = 64;
/** So often a pass is repeated for processes in the middle of their exec. */
const MOST_UNCLEAR = 100;

/**
 * A pass is no snapshot: a process may fork behind it and be stopped before it. Where the kernel tells which pid it gave
 * out last, every pid since the beginning of the pass is looked at, until none was given out during such a look: then
 * nothing was started that was not seen. Where others start processes without a pause, that does not come, and the looks
 * themselves are the evidence. Where the kernel does not tell, two passes in a row must find nothing; where processes
 * vanished during a pass, one of them may have been a link in a chain of forks, and ten are wanted.
 */
export function createCalm(processes: Pick<Processes, "lastPid" | "stat">): Calm {
  let first: number | undefined;
  let clean = 0;
  let done = 0;
  let unclear = 0;

  /** Whether nothing of the tree was started since `from`. */
  const isQuiet = (from: number, { late }: Pass, onLate: (pid: number) => void): boolean => {
    for (let look = 0; look < LOOKS; look++) {
      const last = processes.lastPid();
      // Pids were given out all round.
      if (last === undefined || last < from) return false;
      for (let pid = last; pid > Math.max(from, last - MOST_LATE); pid--) {
        const stat = processes.stat(pid);
        if (stat === undefined || stat.state === "Z") continue;
        const what = late(stat);
        if (what === "member") onLate(pid);
        if (what === "member" || (what === "unclear" && ++unclear < MOST_UNCLEAR)) return false;
      }
      if (processes.lastPid() === last) return true;
    }
    return true;
  };

  return {
    before() {
      first = processes.lastPid();
    },
    after(pass, onLate) {
      const isUnclear = pass.unclear > 0 && ++unclear < MOST_UNCLEAR;
      const isDone = pass.isDone && !isUnclear;
      done = isDone ? done + 1 : 0;
      clean = isDone && pass.vanished === 0 ? clean + 1 : 0;
      if (!isDone) return false;
      return first === undefined ? clean >= 2 || done >= 10 : isQuiet(first, pass, onLate);
    },
  };
}
