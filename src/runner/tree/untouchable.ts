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

/** The system does not let agentctl do to some processes what it does to the tree. */
abstract class Untouchable extends Error {
  readonly pids: number[];

  constructor(message: string, processes: readonly ProcessStat[]) {
    super(message);
    this.pids = processes.map(({ pid }) => pid);
  }
}

/** A tree cannot be stopped: some of its processes may not be signalled, or do not stop. All of it runs as before. */
export class CannotStop extends Untouchable {
  override readonly name = "CannotStop";
}

/** Some of a tree cannot be ended, and is left alive. Everything else of it is gone. */
export class CannotEnd extends Untouchable {
  override readonly name = "CannotEnd";
}
