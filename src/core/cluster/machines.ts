/** The machines that share a store, as people see and change them. */

export const takeovers = ["auto", "never"] as const;
export type Takeover = (typeof takeovers)[number];

/** A machine as its cluster knows it. */
export interface MachineInfo {
  name: string;
  state: "up" | "draining" | "stopped" | "away" | "lost";
  slots: number;
  labels: Record<string, string>;
  /** Whether others go on with its tasks when its lease is over. */
  takeover: Takeover;
  /** The database roles whose tasks it takes; null for all. */
  accept: string[] | null;
  version: string;
  /** Milliseconds since 1970. */
  seenAt: number;
  /** How many tasks have a process there. */
  tasks: number;
}

/** What is changed of a machine. */
export interface MachineChange {
  slots?: number;
  /** An empty value takes the label away; those that are not named stay. */
  labels?: Record<string, string>;
  takeover?: Takeover;
  accept?: string[] | null;
  isDraining?: boolean;
}

/** A home that becomes a machine of the cluster in this database. */
export interface Joining {
  url: string;
  name?: string;
  slots?: number;
  labels: Record<string, string>;
}

/** What is chosen for a cluster as it is made. */
export interface Founding extends Joining {
  leaseMs: number;
  /** Database roles with which machines may join beside the one that owns the tables. */
  machineRoles: readonly string[];
}

/** A cluster, as the machine `name` sees it. */
export interface ClusterStatus {
  name: string;
  /** Without a password. */
  database: string;
  leaseMs: number;
  machines: MachineInfo[];
}
