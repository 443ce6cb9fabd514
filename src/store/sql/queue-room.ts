import { AgentctlError } from "../../core/errors.ts";
import type { Context, Op } from "./context.ts";

/**
 * A full queue is counted again after 1 ms per this many tasks of its limit; a count takes less than a tenth of that.
 */
const COUNTED_IN_MS = 100;

interface Counted {
  limit: number;
  /** How many more tasks the last count allowed, minus those admitted since. */
  left: number;
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
  readonly #counted = new Map<string, Counted>();

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Admits one more open task to a queue; `write` first writes those admitted before. Throws `QueueFull`. */
  *admit(ctx: Context, queue: string, at: number, write?: () => Op<void>): Op<void> {
    const limit = this.#limit();
    const known = this.#counted.get(queue);
    const isKnown = known?.limit === limit && (known.left > 0 || (known.isFull && isFresh(known, at)));
    if (!isKnown && write) yield* write();
    const counted = isKnown ? known : yield* count(ctx, queue, limit, at);
    this.#counted.set(queue, counted);
    if (counted.isFull) throw new AgentctlError("QueueFull", { queue, limit });
    counted.left--;
  }
}

function isFresh({ limit, at }: Counted, now: number): boolean {
  return Math.abs(now - at) < limit / COUNTED_IN_MS;
}

function* count(ctx: Context, queue: string, limit: number, at: number): Op<Counted> {
  const open = (yield* ctx.row("select count(*) as n from tasks where queue = ? and ended_at is null", queue))
    ?.n;
  const left = limit - (open as number);
  return { limit, left, isFull: left <= 0, at };
}
