import type { ProcessStat } from "./processes.ts";

/** Names processes for a message. */
export function describeProcesses(all: readonly ProcessStat[]): string {
  const [first] = all;
  if (all.length === 1 && first) return `process ${first.pid} (${first.command})`;
  return `processes ${all.map(({ pid, command }) => `${pid} (${command})`).join(", ")}`;
}

/** Explains for a message why processes may not be signalled. */
export function ownerReason(all: readonly ProcessStat[]): string {
  return all.length === 1 ? "it belongs to another user" : "they belong to another user";
}

/** The system does not let agentctl do something to some processes of a tree. */
abstract class Untouchable extends Error {
  readonly pids: number[];

  constructor(message: string, processes: readonly ProcessStat[]) {
    super(message);
    this.pids = processes.map(({ pid }) => pid);
  }
}

/** A tree cannot be stopped: some of its processes may not be signalled, or do not stop. All of them run as before. */
export class CannotStop extends Untouchable {
  override readonly name = "CannotStop";
}

/** Some processes of a tree cannot be ended, and are left alive. All its other processes are gone. */
export class CannotEnd extends Untouchable {
  override readonly name = "CannotEnd";
}
