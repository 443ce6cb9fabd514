/**
 * Decides what to do with an attempt that an earlier daemon left, or that this daemon lost track of. Pure: maps what
 * the store and the processes say to one verdict.
 */
import type { Attempt, Task } from "../../core/task.ts";

/** The facts about the attempt. */
export interface Evidence {
  task: Pick<Task, "kind" | "attempt" | "frozen" | "intent">;
  /** The newest attempt in the store. */
  attempt: Pick<Attempt, "n" | "endedAt" | "bootId" | "pid" | "saidHello"> | undefined;
  /** What the processes say: it runs (stopped or not), a file says how it ended, or there is no trace of it. */
  process: "running" | "ended" | "gone";
  /** Identifies this boot of the machine. */
  bootId: string;
  /** Whether its process is a module host that had waited for a task. */
  isFromPool: boolean;
  /** Whether its host has made steps durable. */
  hasSteps: boolean;
}

export type Verdict =
  /** The store says that the task works, but it has no attempt under way. Recorded as a loss. */
  | "contradiction"
  /** Its process is stopped, as it should be. */
  | "stays-frozen"
  /** The same, but the request to freeze it is still recorded. */
  | "frozen-as-asked"
  /** Its process runs, and there is no request. */
  | "goes-on"
  /** Its process runs, and a request must be finished. */
  | "finish-pause"
  | "finish-end"
  | "finish-leave"
  /** Its host gave up waiting for the task and ran none of it: the daemon starts it again. */
  | "unassigned"
  /** Its start is durable, but it never got a process: the daemon starts it now, for the first time. */
  | "not-started"
  | "ended"
  | "lost";

export function classify(evidence: Evidence): Verdict {
  const { task, attempt, process } = evidence;
  if (!attempt || attempt.endedAt !== null || attempt.n !== task.attempt) return "contradiction";
  if (process === "running") return classifyRunning(task);
  if (isUnassigned(evidence, attempt)) return "unassigned";
  const isUntouched = !task.frozen && task.intent === null && attempt.pid === null;
  if (process === "gone" && attempt.bootId === evidence.bootId && isUntouched) return "not-started";
  return process === "ended" ? "ended" : "lost";
}

function classifyRunning({ frozen, intent }: Evidence["task"]): Verdict {
  if (frozen && !intent) return "stays-frozen";
  if (frozen && intent?.kind === "pause" && intent.mode === "freeze") return "frozen-as-asked";
  if (!intent) return "goes-on";
  if (intent.kind === "pause") return "finish-pause";
  return intent.kind === "leave" ? "finish-leave" : "finish-end";
}

function isUnassigned(
  { task, isFromPool, hasSteps }: Evidence,
  { saidHello }: NonNullable<Evidence["attempt"]>,
): boolean {
  return task.kind !== "program" && isFromPool && !saidHello && task.intent === null && !hasSteps;
}
