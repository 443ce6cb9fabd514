import type { Inherited } from "../core/inherited.ts";
import type { StepReader } from "./step-reader.ts";

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot on Linux, seconds since 1970 on macOS: only ever compared for equality and order. */
  readonly startTime: number;
  bootId: string;
}

/** What to start. The runner adds nothing to `env` and lets nothing of its own process leak in. */
export interface LaunchSpec {
  /** Unique for each attempt and safe as a file name. Not secret: `ps` shows it. */
  key: string;
  /**
   * By which the tree is found: `env` bears it as AGENTCTL_TOKEN, and `treeMarker` of it as AGENTCTL_TREE. Secret: in no
   * argument and no file name.
   */
  token: string;
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** Receives stdout and stderr; opened for append, mode 0600. */
  logFile: string;
  inherited: Inherited;
  /**
   * What it reads; nothing without it. With `endPath` both are FIFOs, and the first has no end before a line is written to
   * the second, or the tree ends.
   */
  stdin?: { path: string; endPath?: string } | undefined;
}

/** How an attempt's program ended. */
export interface Ended {
  /** 128 + n for signal n; null when lost. */
  exitCode: number | null;
  /**
   * The name of the signal that ended it; real-time signals as SIGRTMIN+n. Where the kernel does not show how a process
   * ended (macOS, a program that changed its user), a code from 129 to 159 counts as death by a signal.
   */
  signal: string | null;
  /** Milliseconds since 1970. */
  endedAt: number;
  /** The program is gone and nobody was left to say how. */
  lost: boolean;
}

/** A process that bears the marker of some attempt. */
export interface MarkedProcess {
  pid: number;
  /** Its parent; of what was launched, that of its guard. */
  ppid: number;
  token: string;
  state: string;
  /** Its arguments, the program's name first. */
  argv: string[];
  /** Its parent is a guard: it is what was launched, and not something that this started. */
  isProgram: boolean;
}

/** What it takes to find a tree: the marker, and the processes at its root as far as they are known. */
export interface TreeRoots {
  readonly key: string;
  readonly token: string;
  readonly guard?: ProcessId | null;
  readonly program?: ProcessId | null;
  /** Of a launched attempt: settles when its program is known or did not come up. */
  readonly started?: Promise<unknown>;
  /** By the clock that does not jump, in ms: no process of the tree is older. Null where that is not known. */
  readonly launchedAt?: number | null;
}

/** A launched or adopted attempt. */
export interface Running extends TreeRoots {
  /** Null when it was killed, or never came up. */
  readonly guard: ProcessId | null;
  /** The program itself; null until known. */
  readonly program: ProcessId | null;
  /** The program's own process, not the guard's. Rejects with the cause when it never came up. */
  readonly started: Promise<ProcessId>;
  /** Never rejects. A program that never came up has ended with 126, its cause in `started`. */
  readonly ended: Promise<Ended>;
}

/** One live process of a tree. */
interface ProcessInfo {
  pid: number;
  ppid: number;
  startTime: number;
  /** The kernel's letter: R, S, D, T, … */
  state: string;
  command: string;
  residentBytes: number;
  /** Time on the CPU, in ms; 0 where the platform does not tell it. */
  cpuMs: number;
  isGuard: boolean;
}

/** What is kept of an attempt, enough to find it again. */
export interface AdoptRecord {
  key: string;
  token: string;
  program?: ProcessId | null;
  logFile?: string;
  /** An earlier runner has stopped the tree, also where it left no word of that. */
  isFrozen?: boolean;
}

/** Why a program cannot be started, as a shell would say it. */
export interface StartRefusal {
  exitCode: 126 | 127;
  /** What is wrong: the directory, the size of what is passed on, the text of a script, or the program. */
  cause: "cwd" | "size" | "script" | "program";
  message: string;
}

/** Supervises processes. It knows no tasks: keys and tokens come from its caller. */
export interface Runner {
  /** Starts at once and waits for nothing; what goes wrong is told by `started`. */
  launch(spec: LaunchSpec): Running;
  /** Makes FIFOs, mode 0600, where there are none. */
  makePipes(paths: readonly string[]): Promise<void>;
  /**
   * Finds what an earlier runner launched: a live one by its run files, pid, start time and boot id, else by the
   * token in the environment of any process; or how it ended. `lost` in `ended` means that it is known to have been
   * started and left no status; undefined, that nothing says that it ever was.
   */
  adopt(record: AdoptRecord): Promise<{ running: Running } | { ended: Ended } | undefined>;
  /** Ends the guards of an earlier runner that were stopped with a program that is gone; to be called before `adopt`. */
  releaseOrphans(): Promise<void>;
  /** The live processes, zombies not among them. */
  tree(roots: TreeRoots): ProcessInfo[];
  /**
   * Stops every process of the tree, the guard too; when it resolves, none of them runs.
   * @throws CannotStop when one cannot be stopped, naming its pid; the others then run again
   */
  freeze(roots: TreeRoots): Promise<{ processes: number; residentBytes: number }>;
  /** Lets run again what `freeze` has stopped, also that of an earlier runner, and nothing that was stopped before. */
  thaw(roots: TreeRoots): void;
  /** The processes of a stopped tree that can run all the same, as somebody else has let them. */
  moving(roots: TreeRoots): number[];
  /** The processes of the tree that may not be signalled. */
  forbidden(roots: TreeRoots): { pid: number; command: string }[];
  /** Whether the program is gone or a zombie: a stopped guard cannot report the end of a frozen program. */
  isGone(roots: TreeRoots): boolean;
  /** How long the program itself has been on the CPU, in ms; 0 where that is not known. */
  cpuMs(roots: TreeRoots): number;
  /** To the program alone; false when it is gone or not yet known. */
  signal(roots: TreeRoots, signal: NodeJS.Signals): boolean;
  /**
   * SIGTERM to the whole tree (a stopped one is thawed to obey), SIGKILL after `graceMs` or as soon as `cut` aborts.
   * All of it is stopped before any of it is signalled, so that no process goes on after the death of another. Resolves
   * only when the tree is gone.
   * @throws CannotEnd when a process may not be signalled, naming its pid; everything else is gone by then
   */
  terminate(roots: TreeRoots, opts: { graceMs: number; cut?: AbortSignal }): Promise<void>;
  /** After the program's end: ends what is left of its tree as `terminate` does. Nearly free when nothing is. */
  sweep(roots: TreeRoots, opts: { graceMs: number }): Promise<void>;
  /** Looks a program up as execvp would, in `cwd` with the PATH of `env`; undefined when it can be started. */
  cannotStart(
    argv: string[],
    cwd: string,
    env: Record<string, string>,
    before?: string,
  ): StartRefusal | undefined;
  /** Every live process that bears a token of this home in its environment, whoever started it; not this one. */
  marked(home: string): MarkedProcess[];
  /** The program of an attempt, as its run file names it. */
  programOf(key: string): ProcessId | undefined;
  /** Where the host of an attempt may make brief steps durable by itself. */
  stepFile(key: string): string;
  /** Reads what it wrote there. */
  steps(key: string): StepReader;
  /** Deletes the run file of an attempt whose end is recorded elsewhere. */
  forget(key: string): void;
}
