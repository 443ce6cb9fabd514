/**
 * What the engine needs from outside. The daemon passes it in; a test may pass its own clock, settings or places. The
 * files of the engine import this file for outside dependencies, and `engine.ts` for the shared state.
 */
import type { Fault } from "../core/faults.ts";
import type { Settings } from "../core/settings.ts";
import type { Clock } from "../core/time.ts";
import type { Runner } from "../runner/index.ts";
import type { Store } from "../store/store.ts";
import type { Environments } from "./files/environments.ts";

/** The paths where the engine puts files, and the programs that it starts processes with. */
export interface Places {
  home: string;
  socket: string;
  logs: string;
  tasks: string;
  run: string;
  bundles: string;
  worktrees: string;
  /** The Node program that runs module hosts. */
  node: string;
  /** The script of a module host. */
  host: string;
  /** The module that drives coding agents. */
  agents: string;
  /** A folder that contains `agentctl`, put at the front of a task's PATH. */
  path: string;
}

/** The part of the daemon's log that the engine uses. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The part of the cluster that the engine uses: the machines that share the store. */
export interface Cluster {
  /** The name of this machine. */
  readonly machine: string;
  /** How many slots tasks may take on this machine. */
  readonly slots: number;
  /**
   * Whether the machine may have ended processes of tasks by a signal because it could not renew its lease. Such an end
   * then says nothing about the task.
   */
  readonly mayHaveEnded: boolean;
  /** Stores the variables with this name for every machine. */
  keepEnvironment(hash: string): Promise<void>;
  /** Fetches the variables with this name if another machine stored them. */
  fetchEnvironment(hash: string): Promise<void>;
  readonly files: ClusterFiles;
  /** Returns those of the tasks that no running machine accepts. */
  untaken(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Rejects with `MachineNotFound` if no machine matches one of these. */
  requireMachine(on: readonly string[]): Promise<void>;
}

/** Files of tasks that every machine can get, even when the machine that wrote them is gone. */
export interface ClusterFiles {
  /** Stores the folder of a task for the machine that continues it. */
  keepFolder(id: number): Promise<void>;
  fetchFolder(id: number): Promise<void>;
  /** Stores an artifact, unless it is too large. */
  keepArtifact(id: number, sha256: string, path: string): Promise<void>;
  /** Starts to store the end of a finished log. */
  keepLog(id: number, name: string, path: string): void;
}

export interface Ports {
  /** Null if the home is not in a cluster. */
  readonly cluster: Cluster | null;
  readonly store: Store;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly places: Places;
  readonly environments: Environments;
  readonly log: Log;
  /** Called at named moments; a fault test makes the process end there. */
  readonly fault: Fault;
  /** Returns the memory of the machine, or of the part of it that we may use, in bytes. */
  readonly memory: () => { available: number; total: number };
  /** Identifies this boot of the machine. */
  readonly bootId: string;
  /** Variables that every task gets: PATH, HOME, USER, SHELL and LANG. */
  readonly baseEnv: Record<string, string>;
}
