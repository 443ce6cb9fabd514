import { readFileSync } from "node:fs";
import { systemClock } from "../core/time.ts";

/** Names this boot of the machine, so that a pid of an earlier boot is never taken for a live process. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return `boot-${Math.round((systemClock.now() - process.uptime() * 1000) / 1000)}`;
  }
}
