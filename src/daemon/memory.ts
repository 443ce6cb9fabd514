import { freemem, totalmem } from "node:os";

/** Returns the memory of the machine in bytes, or of the part of it that this process may use. */
export function machineMemory(): { available: number; total: number } {
  const limit = process.constrainedMemory?.() ?? 0;
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  // Some supported versions of Node lack this function.
  const { availableMemory } = process as { availableMemory?: () => number };
  return { available: availableMemory?.() ?? freemem(), total };
}
