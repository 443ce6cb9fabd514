import { availableParallelism } from "node:os";
import type { Fault } from "../core/faults.ts";
import type { Settings } from "../core/settings.ts";
import type { Engine, Environments } from "../engine/index.ts";
import { readClusterFile } from "../home/cluster-file.ts";
import type { Paths } from "../home/paths.ts";
import { PostgresStore, readCluster } from "../store/postgres/index.ts";
import type { Database } from "../store/sqlite/file/driver.ts";
import { openDatabase, SqliteStore } from "../store/sqlite/index.ts";
import type { Store } from "../store/store.ts";
import type { Backups } from "./backup.ts";
import { Member } from "./cluster/member.ts";
import { keyCheck, wrongKey } from "./cluster/seal.ts";
import { restoreOwnFiles } from "./cluster/set-aside.ts";
import type { DaemonLog } from "./log.ts";

interface StoreOptions {
  paths: Paths;
  fault: Fault;
  settings: Settings;
  log: DaemonLog;
}

interface OpenedStore {
  store: Store;
  /** Null in a cluster, whose database the daemon does not back up. */
  db: Database | null;
  member: Member | null;
}

/** Opens the store of a home: its own file, or the database of its cluster. */
export async function openStore(
  { paths, fault, settings, log }: StoreOptions,
  { backups, home, environments }: { backups: Backups; home: string; environments: Environments },
): Promise<OpenedStore> {
  const options = {
    fault,
    keepCheckpoints: () => settings.checkpointKeep,
    maxOpen: () => settings.queueMaxOpen,
  };
  const file = readClusterFile(paths);
  if (!file) {
    restoreOwnFiles(paths);
    const db = openDatabase(paths.database, (from) => backups.beforeMigration(from), fault);
    return { db, store: new SqliteStore(db, options), member: null };
  }
  const store = await PostgresStore.open(file.url, file.name, options);
  try {
    const cluster = await readCluster(store.listener);
    if (cluster.keyCheck !== keyCheck(file.key)) throw wrongKey();
    const { leaseMs } = cluster;
    return { store, db: null, member: new Member({ store, file, home, paths, log, leaseMs, environments }) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** In a cluster the slots of its machines are the limit, so the queue has more than enough. */
const CLUSTER_SLOTS = 1000;

/** Creates the queue `default`, which every store has. */
export async function ensureDefaultQueue({
  store,
  cluster,
}: Pick<Engine, "store" | "cluster">): Promise<void> {
  const queues = await store.queues();
  if (!queues.some((queue) => queue.name === "default")) {
    const slots = cluster ? CLUSTER_SLOTS : Math.max(2, availableParallelism());
    await store.setQueue("default", { slots });
  }
}
