import { isAbove, notedCeiling, ownCeiling } from "../home/ceiling.ts";
import type { Paths } from "../home/paths.ts";

/**
 * Ends a daemon that could not give a task the hard limits or the nice value of this process, as one that was started
 * under `ulimit -n 300` cannot. Its tasks go on, and the daemon that the next call starts takes them over. A daemon that
 * runs in the foreground, under systemd for example, stays.
 */
export async function handOver(paths: Paths): Promise<void> {
  const theirs = notedCeiling(paths.ceiling);
  if (!theirs || !isAbove(ownCeiling(), theirs)) return;
  const { stopDaemon } = await import("./stop.ts");
  await stopDaemon(paths, { keep: true });
}
