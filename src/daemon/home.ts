import { chmodSync, mkdirSync, statfsSync } from "node:fs";
import { homeRefused, makeHome } from "../home/own-home.ts";
import type { Paths } from "../home/paths.ts";
import { foreignNamespaces, lockNamespace } from "../runner/index.ts";
import type { DaemonLog } from "./log.ts";

/**
 * File systems on which SQLite's locks and WAL cannot be trusted, by the `f_type` of statfs(2) on Linux: NFS, SMB,
 * CIFS, SMB2, Coda, AFS, Ceph, 9p.
 */
const NETWORK_FILE_SYSTEMS = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x73757245, 0x5346414f, 0x00c36400, 0x01021997,
]);

/**
 * Makes the home and its folders, and gives them mode 0700. Throws `HomeRefused` if the home is not one of agentctl, is
 * owned by someone else, is writable by others, or is on a network file system.
 */
export function prepareHome(paths: Paths): void {
  const { home } = paths;
  makeHome(paths);
  if (process.platform === "linux" && NETWORK_FILE_SYSTEMS.has(statfsSync(home).type)) {
    throw homeRefused(home, "it is on a network file system, where locks and commits cannot be trusted");
  }
  chmodSync(home, 0o700);
  for (const folder of [
    paths.logs,
    paths.tasks,
    paths.backups,
    paths.env,
    paths.run,
    paths.bundles,
    paths.worktrees,
  ]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
}

/**
 * Throws `HomeRefused` if tasks of the home still run in another container. No process here can see or stop them, so
 * the daemon would take them for lost and run them again.
 */
export async function refuseForeignTasks({ home, run }: Paths): Promise<void> {
  const namespaces = await foreignNamespaces(run).catch((cause: Error) => {
    const reason = `cannot find out whether its tasks run in another container: ${cause.message}`;
    throw homeRefused(home, reason, { cause, hint: "install flock, which is part of util-linux" });
  });
  if (namespaces.length === 0) return;
  const reason = `its tasks run in another container (pid namespace ${namespaces.join(", ")}), where nobody here can see or stop them`;
  const hint = "in that container: agentctl daemon start; once it has ended, its tasks can be continued here";
  throw homeRefused(home, reason, { hint });
}

/** Lets daemons in other containers detect this one's tasks. Returns a descriptor for the guards to inherit. */
export function lockNamespaceFor({ run }: Paths, log: DaemonLog): number | undefined {
  try {
    return lockNamespace(run);
  } catch (error) {
    const message = "tasks are not protected from a daemon in another container; install flock of util-linux";
    log.warn({ error: String(error) }, message);
    return undefined;
  }
}
