import { freemem, totalmem } from "node:os";

/** The memory of the machine in bytes, or of the part of it that this process may use. */
export function machineMemory(): { available: number; total: number } {
  const own = process.constrainedMemory?.() ?? 0;
  const total = own > 0 ? Math.min(own, totalmem()) : totalmem();
  // Not in every Node that is supported.
  const { availableMemory } = process as { availableMemory?: () => number };
  return { available: availableMemory?.() ?? freemem(), total };
}
