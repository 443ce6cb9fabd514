import { AgentctlError } from "../../core/errors.ts";
import type { Context, Op } from "./context.ts";

/**
 * A full queue is counted again after 1 ms per this many tasks of its limit; a count takes less than a tenth of that.
 */
const TASKS_PER_MS = 100;

interface OpenCount {
  limit: number;
  /** How many more tasks the last count allowed, minus those admitted since. */
  remaining: number;
  isFull: boolean;
  at: number;
}

/**
 * Keeps the open tasks of each queue below a limit, so that a task that submits tasks without end cannot fill the disk.
 * Tasks are counted again only after the last count's allowance is used up. Tasks that ended since then make the count
 * too high, never too low.
 */
export class QueueRoom {
  readonly #limit: () => number;
  readonly #counts = new Map<string, OpenCount>();

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Admits one more open task to a queue; `write` first writes those admitted before. Throws `QueueFull`. */
  *admit(ctx: Context, queue: string, at: number, write?: () => Op<void>): Op<void> {
    const limit = this.#limit();
    const previous = this.#counts.get(queue);
    const isUsable =
      previous?.limit === limit && (previous.remaining > 0 || (previous.isFull && isFresh(previous, at)));
    if (!isUsable && write) yield* write();
    const current = isUsable ? previous : yield* count(ctx, queue, limit, at);
    this.#counts.set(queue, current);
    if (current.isFull) throw new AgentctlError("QueueFull", { queue, limit });
    current.remaining--;
  }
}

function isFresh({ limit, at }: OpenCount, now: number): boolean {
  return Math.abs(now - at) < limit / TASKS_PER_MS;
}

function* count(ctx: Context, queue: string, limit: number, at: number): Op<OpenCount> {
  const open = (yield* ctx.row("select count(*) as n from tasks where queue = ? and ended_at is null", queue))
    ?.n;
  const remaining = limit - (open as number);
  return { limit, remaining, isFull: remaining <= 0, at };
}
