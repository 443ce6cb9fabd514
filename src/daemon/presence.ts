/**
 * Checks that the files by which a daemon owns its home still exist: its store, its lock and its socket. People and
 * cleaners of /tmp remove them.
 */
import { existsSync, statSync } from "node:fs";
import type { Paths } from "../home/paths.ts";
import { isSameFile, type Lock, takeLock } from "./lock.ts";
import type { DaemonLog } from "./log.ts";
import type { Listener } from "./server.ts";

/** How often we check, in ms. A removed file is noticed within a second, even on a busy machine. */
const CHECK_INTERVAL_MS = 400;

interface PresenceOptions {
  paths: Paths;
  lock: Lock;
  listener: Listener;
  log: DaemonLog;
  /** Called when the home is lost: nothing may be started or stopped any more. Does not return. */
  onLost: (reason: string) => void;
}

/** Keeps the daemon reachable. Calls `onLost` if its store is gone or another daemon has the home. */
export function keepPresent({ paths, lock, listener, log, onLost }: PresenceOptions): { stop(): void } {
  // The file that says where the store is: the store itself, or the cluster file if the home is a machine of a cluster.
  const storeFile = existsSync(paths.cluster) ? paths.cluster : paths.database;
  const storeStat = statSync(storeFile);
  let currentLock = lock;
  let isListening = false;
  const check = async () => {
    if (!isSameFile(storeFile, storeStat)) return onLost("its store was removed or replaced");
    if (!currentLock.isInPlace()) {
      const next = takeLock(paths.lock);
      if (!next) return onLost("its lock was removed, and another daemon has the home");
      currentLock = next;
      log.warn({ lock: paths.lock }, "the lock was removed: taken again");
    }
    if (isListening) return;
    isListening = true;
    const isNew = await listener.keepListening().finally(() => {
      isListening = false;
    });
    if (isNew) log.warn({ socket: paths.socket }, "the socket was removed: listening again");
  };
  const timer = setInterval(() => {
    check().catch((error) => log.warn({ error: String(error) }, "the socket cannot be made again"));
  }, CHECK_INTERVAL_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
