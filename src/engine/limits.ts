/** The configured limits for all queues together. */
import { reserveFrom, slotsFrom } from "../core/settings.ts";
import type { Ports } from "./ports.ts";

/** Returns how many slots the working tasks of all queues may take together; null for no limit. */
export function slotsMax({ settings, cluster }: Pick<Ports, "settings" | "cluster">): number | null {
  const configured = slotsFrom(settings.slotsMax) ?? null;
  if (cluster === null) return configured;
  return configured === null ? cluster.slots : Math.min(configured, cluster.slots);
}

/** Returns the available memory and the memory to keep free, in bytes; null if no memory is reserved. */
export function memoryNow({ settings, memory }: Pick<Ports, "settings" | "memory">) {
  if (settings.memoryReserve === "off") return null;
  const { available, total } = memory();
  return { available, reserve: reserveFrom(settings.memoryReserve, total) ?? 0 };
}

/** Returns whether less memory is available than the reserve. */
export function isMemoryShort(ports: Pick<Ports, "settings" | "memory">): boolean {
  const now = memoryNow(ports);
  return now !== null && now.available < now.reserve;
}
