import type { WriteName } from "../../core/faults.ts";

/** How a part of the store reads, and writes in a transaction that others may share. */
export interface Access {
  read<T>(run: () => T): Promise<T>;
  write<T>(name: WriteName, run: () => T): Promise<T>;
}
