import type { ProcessStat } from "./processes.ts";

/** Processes as messages name them. */
export function named(all: readonly ProcessStat[]): string {
  const [first] = all;
  if (all.length === 1 && first) return `process ${first.pid} (${first.command})`;
  return `processes ${all.map(({ pid, command }) => `${pid} (${command})`).join(", ")}`;
}

/** Why they may not be signalled. */
export function ofAnother(all: readonly ProcessStat[]): string {
  return all.length === 1 ? "it belongs to another user" : "they belong to another user";
}

/** A tree cannot be stopped: one of its processes may not be signalled, or does not stop. All of it runs as before. */
export class CannotStop extends Error {
  override readonly name = "CannotStop";
}

/** Some of a tree cannot be ended. Everything else of it is gone. */
export class CannotEnd extends Error {
  override readonly name = "CannotEnd";
  /** The processes that are left alive. */
  readonly pids: number[];

  constructor(message: string, left: readonly ProcessStat[]) {
    super(message);
    this.pids = left.map(({ pid }) => pid);
  }
}
