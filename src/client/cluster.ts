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
import type { Environment } from "./environment.ts";
import { type DaemonBundle, withDaemonBundle } from "./local-daemon.ts";
import { startDaemon } from "./start.ts";
import { type Stopped, stopDaemon } from "./stop.ts";

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

export const initClusterHere = (
  context: Place,
  options: Founding,
): ReturnType<ClusterBundle["initCluster"]> =>
  withoutDaemon(context, stopToJoin, (daemon) => bundle(daemon).initCluster(context.paths, options));

export const joinClusterHere = (
  context: Place,
  options: Joining & { keyFile: string },
): ReturnType<ClusterBundle["joinCluster"]> =>
  withoutDaemon(context, stopToJoin, (daemon) => bundle(daemon).joinCluster(context.paths, options));

export const leaveClusterHere = (context: Place): ReturnType<ClusterBundle["leaveCluster"]> =>
  withoutDaemon(
    context,
    async (paths) => (isMachine(paths) ? await stopDaemon(paths, {}) : undefined),
    (daemon) => bundle(daemon).leaveCluster(context.paths),
  );

/** The home to work on, and the environment for its daemon. */
interface Place {
  paths: Paths;
  env: Environment;
}

/** Stops the daemon and does the work. If the work fails, starts the daemon again, so that nothing has changed. */
async function withoutDaemon<T>(
  { paths, env }: Place,
  stop: (paths: Paths) => Promise<Stopped | undefined>,
  work: (daemon: DaemonBundle) => Promise<T>,
): Promise<T> {
  const stopped = await stop(paths);
  try {
    return await withDaemonBundle(work);
  } catch (error) {
    // Why the work failed matters more than why the daemon does not start.
    if (stopped) await startDaemon(paths, env, false).catch(() => undefined);
    throw error;
  }
}

/** Stops the daemon of a home that is to join a cluster. Throws if the home has open tasks, and then stops nothing. */
async function stopToJoin(paths: Paths): Promise<Stopped | undefined> {
  if (isMachine(paths)) return undefined;
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
  return await stopDaemon(paths, {});
}

export const clusterHere: ClusterBundle["clusterStatus"] = (paths) =>
  withDaemonBundle((daemon) => bundle(daemon).clusterStatus(paths));
export const changeMachineHere: ClusterBundle["changeMachine"] = (paths, name, change) =>
  withDaemonBundle((daemon) => bundle(daemon).changeMachine(paths, name, change));
export const dropMachineHere: ClusterBundle["dropMachine"] = (paths, name) =>
  withDaemonBundle((daemon) => bundle(daemon).dropMachine(paths, name));
