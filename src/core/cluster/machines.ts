/** The machines that share a store, as users see and change them. */

export const takeovers = ["auto", "never"] as const;
export type Takeover = (typeof takeovers)[number];

/** A machine, as its cluster knows it. */
export interface MachineInfo {
  name: string;
  state: "up" | "draining" | "stopped" | "away" | "lost";
  slots: number;
  labels: Record<string, string>;
  /** Whether other machines continue its tasks when its lease expires. */
  takeover: Takeover;
  /** The database roles whose tasks it accepts; null for all. */
  accept: string[] | null;
  version: string;
  /** Milliseconds since 1970. */
  seenAt: number;
  /** How many tasks have a process on the machine. */
  tasks: number;
}

/** The fields of a machine to change. */
export interface MachineChange {
  slots?: number;
  /** An empty value removes the label; labels that are not named stay. */
  labels?: Record<string, string>;
  takeover?: Takeover;
  accept?: string[] | null;
  isDraining?: boolean;
}

/** The options for a home that becomes a machine of the cluster in this database. */
export interface Joining {
  url: string;
  name?: string;
  slots?: number;
  labels: Record<string, string>;
}

/** The options for a new cluster. */
export interface Founding extends Joining {
  leaseMs: number;
  /** Database roles that machines may join with, besides the role that owns the tables. */
  machineRoles: readonly string[];
}

/** A cluster, as the machine `name` sees it. */
export interface ClusterStatus {
  name: string;
  /** The address of the database, without a password. */
  database: string;
  leaseMs: number;
  machines: MachineInfo[];
}
