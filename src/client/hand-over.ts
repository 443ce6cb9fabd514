import { isAbove, ownCeiling, readCeiling } from "../home/ceiling.ts";
import type { Paths } from "../home/paths.ts";

/**
 * Stops a daemon that cannot give a task the hard limits or the nice value of this process. An example is a daemon that
 * was started under `ulimit -n 300`. Its tasks continue, and the daemon that the next call starts adopts them. A daemon
 * that runs in the foreground, for example under systemd, stays.
 */
export async function handOver(paths: Paths): Promise<void> {
  const daemonCeiling = readCeiling(paths.ceiling);
  if (!daemonCeiling || !isAbove(ownCeiling(), daemonCeiling)) return;
  const { stopDaemon } = await import("./stop.ts");
  await stopDaemon(paths, { keep: true });
}
