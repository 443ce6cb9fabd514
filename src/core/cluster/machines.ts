/** The machines that share a store, as people see and change them. */

/** A machine as its cluster knows it. */
export interface MachineInfo {
  name: string;
  state: "up" | "draining" | "stopped" | "away" | "lost";
  slots: number;
  labels: Record<string, string>;
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
  isDraining?: boolean;
}

/** A home that becomes a machine of the cluster in this database. */
export interface Joining {
  url: string;
  name?: string;
  slots?: number;
  labels: Record<string, string>;
}

/** A cluster, as the machine `name` sees it. */
export interface ClusterStatus {
  name: string;
  /** Without a password. */
  database: string;
  leaseMs: number;
  machines: MachineInfo[];
}
