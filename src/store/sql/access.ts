import type { WriteName } from "../../core/faults.ts";
import type { Context, Op } from "./context.ts";

/** How a part of the store reads, and how it writes in a transaction that it may share with others. */
export interface Access {
  read<T>(run: (ctx: Context) => Op<T>): Promise<T>;
  write<T>(name: WriteName, run: (ctx: Context) => Op<T>): Promise<T>;
}
