import type { Inherited } from "../core/inherited.ts";
import type { StepReader } from "./step-reader.ts";

/** Identifies a process, so that it is not mistaken for a later one with the same pid. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since boot on Linux, seconds since 1970 on macOS. Compared only for equality and order. */
  readonly startTime: number;
  bootId: string;
}

/** The program to start. The runner adds nothing to `env`, and nothing of its own process leaks in. */
export interface LaunchSpec {
  /** Unique for each attempt and safe as a file name. Not secret: `ps` shows it. */
  key: string;
  /**
   * Identifies the tree. `env` holds it as AGENTCTL_TOKEN, and its `treeMarker` as AGENTCTL_TREE. Secret: it must not
   * be in an argument or a file name.
   */
  token: string;
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** Receives stdout and stderr; opened for append, mode 0600. */
  logFile: string;
  inherited: Inherited;
  /**
   * The program's stdin, which is empty without it. With `endPath`, both are FIFOs, and the first does not end before a
   * line is written to the second, or the tree ends.
   */
  stdin?: { path: string; endPath?: string } | undefined;
}

/** How an attempt's program ended. */
export interface Ended {
  /** 128 + n for signal n; null when lost. */
  exitCode: number | null;
  /**
   * The name of the signal that ended the program; for real-time signals, SIGRTMIN+n or SIGRTMAX-n. If the kernel does
   * not show how a process ended (macOS, a program that changed its user), a code from 129 to 159 counts as death by a
   * signal.
   */
  signal: string | null;
  /** Milliseconds since 1970. */
  endedAt: number;
  /** Whether the program is gone without a report of how it ended. */
  lost: boolean;
}

/** A process that bears the marker of some attempt. */
export interface MarkedProcess {
  pid: number;
  /** The pid of its parent; for a launched program, the pid of its guard's parent. */
  ppid: number;
  token: string;
  state: string;
  /** Its arguments, the program's name first. */
  argv: string[];
  /** Whether its parent is a guard: then it is the launched program, not a process that the program has started. */
  isProgram: boolean;
}

/** What is needed to find a tree: the marker, and the processes at its root, as far as they are known. */
export interface TreeRoots {
  readonly key: string;
  readonly token: string;
  readonly guard?: ProcessId | null;
  readonly program?: ProcessId | null;
  /** For a launched attempt: settles when its program is known or could not be started. */
  readonly started?: Promise<unknown>;
  /** The launch time by the monotonic clock, in ms. No process of the tree is older. Null if unknown. */
  readonly launchedAt?: number | null;
}

/** A launched or adopted attempt. */
export interface Running extends TreeRoots {
  /** Null if the guard has ended, or never came up. */
  readonly guard: ProcessId | null;
  /** The program itself; null until known. */
  readonly program: ProcessId | null;
  /** Resolves with the program's own process, not the guard's. Rejects with the cause if it could not be started. */
  readonly started: Promise<ProcessId>;
  /** Never rejects. If the program could not be started, the exit code is 126, and `started` has the cause. */
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
  /** CPU time, in ms; 0 if the platform does not show it. */
  cpuMs: number;
  isGuard: boolean;
}

/** What is stored about an attempt, in order to find it again. */
export interface AdoptRecord {
  key: string;
  token: string;
  program?: ProcessId | null;
  logFile?: string;
  /** Whether an earlier runner has stopped the tree, even if it has left no record of that. */
  isFrozen?: boolean;
}

/** Why a program cannot be started, with the exit code that a shell would return. */
export interface StartRefusal {
  exitCode: 126 | 127;
  /** What is wrong: the directory, the size of arguments and variables, the text of a script, or the program. */
  cause: "cwd" | "size" | "script" | "program";
  message: string;
  /** The command that helps, if one is known. */
  hint?: string;
}

/** Supervises processes. It knows nothing about tasks: keys and tokens come from its caller. */
export interface Runner {
  /** Starts a program and returns at once. If that fails, `started` rejects. */
  launch(spec: LaunchSpec): Running;
  /** Creates FIFOs, with mode 0600, at the paths where there are none. */
  makePipes(paths: readonly string[]): Promise<void>;
  /**
   * Finds an attempt that an earlier runner launched, or how it ended. A live one is found by its run files, pid, start
   * time and boot id, or else by the token in the environment of any process. `lost` in `ended` means that the program
   * was started but left no status. Undefined means that nothing shows that it was ever started.
   */
  adopt(record: AdoptRecord): Promise<{ running: Running } | { ended: Ended } | undefined>;
  /** Ends guards of an earlier runner that were stopped with a program that is gone. Call it before `adopt`. */
  releaseOrphans(): Promise<void>;
  /** Returns the live processes of the tree, without zombies. */
  tree(roots: TreeRoots): ProcessInfo[];
  /**
   * Stops every process of the tree, including the guard. When it resolves, none of them runs.
   * @throws CannotStop, with the pid, if a process cannot be stopped; the others then run again
   */
  freeze(roots: TreeRoots): Promise<{ processes: number; residentBytes: number }>;
  /** Continues what `freeze` has stopped, also for an earlier runner, but nothing that was already stopped before. */
  thaw(roots: TreeRoots): void;
  /** Returns the pids of a stopped tree's processes that can run, because somebody else has continued them. */
  moving(roots: TreeRoots): number[];
  /** Returns the processes of the tree that may not be signalled. */
  forbidden(roots: TreeRoots): { pid: number; command: string }[];
  /** Whether the program is gone or a zombie. A stopped guard cannot report the end of a frozen program. */
  isGone(roots: TreeRoots): boolean;
  /** Returns the CPU time of the program itself, in ms; 0 if unknown. */
  cpuMs(roots: TreeRoots): number;
  /** Sends a signal only to the program. Returns false if the program is gone or not yet known. */
  signal(roots: TreeRoots, signal: NodeJS.Signals): boolean;
  /**
   * Sends SIGTERM to the whole tree, and SIGKILL after `graceMs` or as soon as `cut` aborts. A stopped tree is
   * continued, so that it can react. The whole tree is stopped before any process is signalled, so that no process
   * continues after the death of another. Resolves only when the tree is gone.
   * @throws CannotEnd, with the pid, if a process may not be signalled; everything else is gone by then
   */
  terminate(roots: TreeRoots, opts: { graceMs: number; cut?: AbortSignal }): Promise<void>;
  /** Ends what is left of a tree after its program's end, as `terminate` does. Nearly free if nothing is left. */
  sweep(roots: TreeRoots, opts: { graceMs: number }): Promise<void>;
  /** Looks up a program as execvp would, in `cwd` with the PATH of `env`. Returns undefined if it can be started. */
  cannotStart(
    argv: string[],
    cwd: string,
    env: Record<string, string>,
    firstFolder?: string,
  ): StartRefusal | undefined;
  /** Returns every live process but this one with a token of this home in its environment, no matter who started it. */
  marked(home: string): MarkedProcess[];
  /** Returns the program of an attempt, as its run file names it. */
  programOf(key: string): ProcessId | undefined;
  /** Returns the path of the file in which the host of an attempt may make brief steps durable. */
  stepFile(key: string): string;
  /** Returns a reader of that file. */
  steps(key: string): StepReader;
  /** Deletes the run file of an attempt whose end is recorded elsewhere. */
  forget(key: string): void;
}
