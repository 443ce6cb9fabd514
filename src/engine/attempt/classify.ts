/**
 * What a daemon makes of an attempt that it did not start: of one that an earlier daemon left, or that it lost sight of
 * itself. Pure: what the store says and what the processes say, to the one thing to do.
 */
import type { Attempt, Task } from "../../core/task.ts";

/** What is known of the attempt. */
export interface Facts {
  task: Pick<Task, "kind" | "attempt" | "frozen" | "intent">;
  /** The newest attempt in the store. */
  attempt: Pick<Attempt, "n" | "endedAt" | "bootId" | "pid" | "saidHello"> | undefined;
  /** What the processes say: it runs (stopped or not), it left its end in a file, or there is no trace of it. */
  process: "running" | "ended" | "gone";
  /** This boot of the machine. */
  bootId: string;
  /** Its process is a module host that had waited for a task. */
  isFromPool: boolean;
  /** Its host has made steps durable. */
  hasSteps: boolean;
}

export type Verdict =
  /** The store says that it works, and has no attempt under way: a contradiction, recorded as a loss. */
  | "contradiction"
  /** Its process stands still, as it should. */
  | "stays-frozen"
  /** The same, and the request to freeze it is still on record. */
  | "frozen-as-asked"
  /** Its process runs, and nothing was asked of it. */
  | "goes-on"
  /** Its process runs, and what was being done to it is to be finished. */
  | "finish-pause"
  | "finish-end"
  | "finish-leave"
  /** Its host waited for the task until it gave up, and ran nothing of it: it is started again. */
  | "unassigned"
  /** Its start is durable, and no process was made: it is started, which is starting it once. */
  | "not-started"
  | "ended"
  | "lost";

export function classify(facts: Facts): Verdict {
  const { task, attempt, process } = facts;
  if (!attempt || attempt.endedAt !== null || attempt.n !== task.attempt) return "contradiction";
  if (process === "running") return ofRunning(task);
  if (isUnassigned(facts, attempt)) return "unassigned";
  const isUntouched = !task.frozen && task.intent === null && attempt.pid === null;
  if (process === "gone" && attempt.bootId === facts.bootId && isUntouched) return "not-started";
  return process === "ended" ? "ended" : "lost";
}

function ofRunning({ frozen, intent }: Facts["task"]): Verdict {
  if (frozen && !intent) return "stays-frozen";
  if (frozen && intent?.kind === "pause" && intent.mode === "freeze") return "frozen-as-asked";
  if (!intent) return "goes-on";
  if (intent.kind === "pause") return "finish-pause";
  return intent.kind === "leave" ? "finish-leave" : "finish-end";
}

function isUnassigned(
  { task, isFromPool, hasSteps }: Facts,
  { saidHello }: NonNullable<Facts["attempt"]>,
): boolean {
  return task.kind !== "program" && isFromPool && !saidHello && task.intent === null && !hasSteps;
}
