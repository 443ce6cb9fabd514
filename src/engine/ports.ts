/**
 * What the engine needs from outside. The daemon hands these in; a test may hand in its own clock, settings or places.
 * The files of the engine import this one for what they need of the outside, and `engine.ts` for what they share.
 */
import type { Fault } from "../core/faults.ts";
import type { Settings } from "../core/settings.ts";
import type { Clock } from "../core/time.ts";
import type { Runner } from "../runner/index.ts";
import type { Store } from "../store/store.ts";
import type { Environments } from "./files/environments.ts";

/** Where the engine puts files, and what it starts processes with. */
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
  /** A folder with `agentctl` in it, put at the front of a task's PATH. */
  path: string;
}

/** The daemon's log, as far as the engine writes to it. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** The machines that share the store, as far as the engine asks them. */
export interface Cluster {
  /** The name of this one. */
  readonly machine: string;
  /** How many slots tasks may take here. */
  readonly slots: number;
  /**
   * Whether the machine may have ended processes of tasks by a signal, because it could not renew its lease: an end by
   * one says nothing of the task then.
   */
  readonly mayHaveEnded: boolean;
  /** Keeps the variables of this name for every machine. */
  keepEnvironment(hash: string): Promise<void>;
  /** Brings the variables of this name here, where another machine kept them. */
  fetchEnvironment(hash: string): Promise<void>;
  readonly files: ClusterFiles;
  /** Of these tasks those that no machine which is up takes. */
  untaken(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Rejects with `MachineNotFound` where no machine is what each of these says. */
  requireMachine(on: readonly string[]): Promise<void>;
}

/** Files of tasks that are to be had on every machine, also when the one that wrote them is gone. */
export interface ClusterFiles {
  /** Keeps the folder of a task for the machine that goes on with it. */
  keepFolder(id: number): Promise<void>;
  fetchFolder(id: number): Promise<void>;
  /** Keeps an artifact, where it is not too large to. */
  keepArtifact(id: number, sha256: string, path: string): Promise<void>;
  /** Keeps the end of a log that has ended, soon. */
  keepLog(id: number, name: string, path: string): void;
}

export interface Ports {
  /** Null where the home stands alone. */
  readonly cluster: Cluster | null;
  readonly store: Store;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly places: Places;
  readonly environments: Environments;
  readonly log: Log;
  /** Called at named moments; a fault test makes it end the process there. */
  readonly fault: Fault;
  /** The memory of the machine, or of the part of it that is ours, in bytes. */
  readonly memory: () => { available: number; total: number };
  /** Identifies this boot of the machine. */
  readonly bootId: string;
  /** Variables that every task gets: PATH, HOME, USER, SHELL and LANG. */
  readonly baseEnv: Record<string, string>;
}
