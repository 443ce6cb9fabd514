/** Clusters and machines: done in this process by the daemon's bundle, which knows the database. */
import type { Paths } from "../home/paths.ts";
import { type DaemonBundle, here } from "./local-daemon.ts";

/** A machine of a cluster. */
export interface MachineInfo {
  name: string;
  state: "up" | "draining" | "stopped" | "away" | "lost";
  slots: number;
  labels: Record<string, string>;
  version: string;
  /** Milliseconds since 1970. */
  seenAt: number;
  tasks: number;
}

/** A cluster, as this machine sees it. */
interface ClusterStatus {
  name: string;
  database: string;
  leaseMs: number;
  machines: MachineInfo[];
}

interface Joining {
  url: string;
  name?: string;
  slots?: number;
  labels: Record<string, string>;
}

interface Change {
  slots?: number;
  labels?: Record<string, string>;
  isDraining?: boolean;
}

/** What the daemon's bundle exports for it. */
interface ClusterBundle {
  initCluster: (
    paths: Paths,
    given: Joining & { leaseMs: number },
  ) => Promise<{ name: string; keyFile: string }>;
  joinCluster: (
    paths: Paths,
    given: Joining & { keyFile: string },
  ) => Promise<{ name: string; keyFile: string }>;
  leaveCluster: (paths: Paths) => Promise<{ name: string }>;
  clusterStatus: (paths: Paths) => Promise<ClusterStatus>;
  changeMachine: (paths: Paths, name: string, change: Change) => Promise<MachineInfo>;
  dropMachine: (paths: Paths, name: string) => Promise<{ name: string }>;
}

const bundle = (daemon: DaemonBundle) => daemon as unknown as ClusterBundle;

export const initClusterHere: ClusterBundle["initCluster"] = (paths, given) =>
  here((daemon) => bundle(daemon).initCluster(paths, given));
export const joinClusterHere: ClusterBundle["joinCluster"] = (paths, given) =>
  here((daemon) => bundle(daemon).joinCluster(paths, given));
export const leaveClusterHere: ClusterBundle["leaveCluster"] = (paths) =>
  here((daemon) => bundle(daemon).leaveCluster(paths));
export const clusterHere: ClusterBundle["clusterStatus"] = (paths) =>
  here((daemon) => bundle(daemon).clusterStatus(paths));
export const changeMachineHere: ClusterBundle["changeMachine"] = (paths, name, change) =>
  here((daemon) => bundle(daemon).changeMachine(paths, name, change));
export const dropMachineHere: ClusterBundle["dropMachine"] = (paths, name) =>
  here((daemon) => bundle(daemon).dropMachine(paths, name));
