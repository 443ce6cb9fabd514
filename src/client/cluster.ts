/** Cluster and machine operations. The daemon's bundle, which knows the database, runs them in this process. */
import type {
  ClusterStatus,
  Founding,
  Joining,
  MachineChange,
  MachineInfo,
} from "../core/cluster/machines.ts";
import { openStates } from "../core/machine.ts";
import { isMachine, ownTasksError } from "../home/cluster-file.ts";
import type { Paths } from "../home/paths.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dialHome } from "./connect.ts";
import { type DaemonBundle, withDaemonBundle } from "./local-daemon.ts";
import { stopDaemon } from "./stop.ts";

/** The exports of the daemon's bundle for clusters. */
interface ClusterBundle {
  initCluster: (paths: Paths, options: Founding) => Promise<{ name: string; keyFile: string }>;
  joinCluster: (
    paths: Paths,
    options: Joining & { keyFile: string },
  ) => Promise<{ name: string; keyFile: string }>;
  leaveCluster: (paths: Paths) => Promise<{ name: string }>;
  clusterStatus: (paths: Paths) => Promise<ClusterStatus>;
  changeMachine: (paths: Paths, name: string, change: MachineChange) => Promise<MachineInfo>;
  dropMachine: (paths: Paths, name: string) => Promise<{ name: string }>;
}

const bundle = (daemon: DaemonBundle) => daemon as unknown as ClusterBundle;

export const initClusterHere: ClusterBundle["initCluster"] = async (paths, options) => {
  await stopToJoin(paths);
  return await withDaemonBundle((daemon) => bundle(daemon).initCluster(paths, options));
};
export const joinClusterHere: ClusterBundle["joinCluster"] = async (paths, options) => {
  await stopToJoin(paths);
  return await withDaemonBundle((daemon) => bundle(daemon).joinCluster(paths, options));
};
export const leaveClusterHere: ClusterBundle["leaveCluster"] = async (paths) => {
  if (isMachine(paths)) await stopDaemon(paths, {});
  return await withDaemonBundle((daemon) => bundle(daemon).leaveCluster(paths));
};

/** Stops the daemon of a home that is to join a cluster. Throws if the home has open tasks, and then stops nothing. */
async function stopToJoin(paths: Paths): Promise<void> {
  if (isMachine(paths)) return;
  const rpc = await dialHome(paths);
  if (rpc instanceof RpcClient) {
    try {
      const { tasks } = await rpc.call("daemon/status", {});
      const open = openStates.reduce((sum, state) => sum + (tasks[state] ?? 0), 0);
      if (open > 0) throw ownTasksError(open);
    } finally {
      rpc.close();
    }
  }
  await stopDaemon(paths, {});
}

export const clusterHere: ClusterBundle["clusterStatus"] = (paths) =>
  withDaemonBundle((daemon) => bundle(daemon).clusterStatus(paths));
export const changeMachineHere: ClusterBundle["changeMachine"] = (paths, name, change) =>
  withDaemonBundle((daemon) => bundle(daemon).changeMachine(paths, name, change));
export const dropMachineHere: ClusterBundle["dropMachine"] = (paths, name) =>
  withDaemonBundle((daemon) => bundle(daemon).dropMachine(paths, name));
