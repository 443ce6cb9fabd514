import type { AgentReport } from "./agents.ts";
import type { Checkout } from "./checkout.ts";
import type { State } from "./machine.ts";
import type { pauseModes, Submitted } from "./submitted.ts";

/** What a task runs: a program with arguments, a task module, or a coding agent, which a built-in module drives. */
type Kind = "program" | "module" | "agent";
export type PauseMode = (typeof pauseModes)[number];
type PauseOutcome = "cooperative" | "forced" | "frozen";
export const pauseCauses = [
  "user",
  "until",
  "preempted",
  "shutdown",
  "limit",
  "lost",
  "corrupt",
  "mismatch",
  "budget",
  "stalled",
] as const;
export type PauseCause = (typeof pauseCauses)[number];
/** Why a task may suspend itself. */
export const suspendCauses = ["limit", "budget", "stalled", "mismatch"] as const satisfies PauseCause[];
export type SuspendCause = (typeof suspendCauses)[number];

/** What ends a pause automatically: a free slot after a preemption, or free memory after a pause for lack of memory. */
export type ResumesWith = "slot" | "memory";

/** The last pause of a task; kept after the resume. */
export interface Pause {
  mode: "checkpoint" | "freeze";
  outcome: PauseOutcome | null;
  cause: PauseCause;
  actor: string;
  reason: string | null;
  at: number;
  until: number | null;
  /** The selector (`all`, `queue:<name>`) of a pause that also held queues; the same selector resumes it. */
  group: string | null;
}

export interface Failure {
  name: string;
  code: number | null;
  message: string;
  data: Record<string, unknown> | null;
}

/** A question that waits for a person. */
export interface Question {
  prompt: string;
  at: number;
  choices: string[] | null;
  /** When `fallback` becomes the answer, or null to wait without a limit. */
  deadline: number | null;
  fallback: string | null;
  /** Where the answer is stored in the journal. */
  key: StepKey;
  call: number;
  alone: boolean;
}

/** What the daemon is doing to a live attempt; durable, so that the next daemon can finish it. */
export type Intent =
  | {
      kind: "pause";
      mode: "checkpoint" | "freeze";
      cause: PauseCause;
      actor: string;
      reason: string | null;
      until: number | null;
      group: string | null;
      resumesWith?: ResumesWith | null;
      graceMs: number;
      requestedAt: number;
      /** The machine of the cluster that requested the pause. */
      from?: string;
      /** The number of the newest checkpoint when the pause was requested. */
      checkpointSeq: number;
      /** Whether the process was killed because the grace time was over. */
      forced?: boolean;
      /** The error that a task reports when it suspends itself. */
      error?: Failure;
    }
  | { kind: "cancel"; actor: string; reason: string | null; graceMs: number }
  | { kind: "timeout"; of?: "attempt" }
  | { kind: "leave"; to: "sleep" | "ask"; until: number | null };

export type PauseIntent = Extract<Intent, { kind: "pause" }>;

/** Identifies one journaled call: its kind, its name, and how many calls of that name came before it since `base`. */
export interface StepKey {
  kind: "step" | "sleep" | "ask" | "messages";
  name: string;
  n: number;
  /** The checkpoint from which the calls are counted; 0 for the start of the module. */
  base: number;
}

/** A task that is moving to another home: nothing else may change it until it has arrived or the move is undone. */
export interface Moving {
  /** The id of the move, in both homes. */
  move: string;
  /** The host or context that the task moves to. */
  to: string;
  at: number;
  /** Whether the task continues on arrival, because its pause was not requested by a user. */
  goesOn: boolean;
}

/** A task as the store keeps it. Times are ms since 1970, durations ms. */
export interface Task extends Submitted {
  id: number;
  uuid: string;
  kind: Kind;
  state: State;
  argv: string[] | null;
  module: { path: string; sha256: string } | null;
  /** The input of a module; undefined if the task was submitted without one. */
  input: unknown;
  /** The first task of `after` that has not ended. */
  blockedBy: number | null;
  envHash: string;
  /** The names of variables that were given explicitly, not inherited. */
  envNames: string[];
  moving: Moving | null;
  attempt: number;
  /** How many times the task was edited. */
  edits: number;
  failures: number;
  losses: number;
  delay: "time" | "backoff" | "limit" | null;
  intent: Intent | null;
  pauseAt: {
    at: number;
    mode: PauseMode;
    graceMs: number | null;
    until: number | null;
    actor: string;
    reason: string | null;
    /** The selector of a pause of whole queues, which the daemon carries out for all of them when it is due for one. */
    group?: string | null;
  } | null;
  pause: Pause | null;
  /** Whether the process of a suspended or resumed task still exists, stopped. */
  frozen: boolean;
  /** Set if the suspended task resumes automatically, and what it waits for: a slot or memory. */
  resumesWith: ResumesWith | null;
  /** The numbers of the slots that its attempt has in a numbered queue. */
  slotNumbers: number[] | null;
  /** Whether the module has called a step at least once, so that its journal shows how far it came. */
  journaled: boolean;
  question: Question | null;
  /** The newest report of an agent's host. */
  agentReport: AgentReport | null;
  /** A hash that identifies the account whose provider limit the agent uses. */
  account: string | null;
  /** The git worktree that the task works in. */
  checkout: Checkout | null;
  /** Identifies the agent and its session; unique among open tasks. */
  sessionKey: string | null;
  progress: { done: number; total: number | null; message: string | null } | null;
  pid: number | null;
  /** The name of the cluster machine that runs its process; null without a process, and outside a cluster. */
  machine: string | null;
  createdAt: number;
  startedAt: number | null;
  updatedAt: number;
  endedAt: number | null;
  /** Running time of the ended phases, in ms; the current phase counts from `phaseAt`. */
  runMs: number;
  /** Running time of the ended phases of this attempt only, in ms. */
  attemptRunMs: number;
  pausedMs: number;
  /** When the current state began. */
  phaseAt: number;
  exitCode: number | null;
  signal: string | null;
  result: unknown;
  error: Failure | null;
  /** The newest usable checkpoint, without its bytes. */
  checkpoint: CheckpointInfo | null;
}

export type AttemptOutcome =
  | "completed"
  | "failed"
  | "canceled"
  | "cooperative"
  | "forced"
  | "lost"
  | "sleep"
  | "asked"
  | "mismatch";

export interface Attempt {
  taskId: number;
  n: number;
  token: string;
  /** Names the run files and is visible in `ps`; not a secret. */
  runKey: string;
  bootId: string;
  /** The machine of the cluster that it ran on; null outside a cluster. */
  machine: string | null;
  pid: number | null;
  /** When the process began, in clock ticks since boot. With pid and boot id it identifies exactly one process. */
  pidStart: number | null;
  saidHello: boolean;
  startedAt: number;
  endedAt: number | null;
  outcome: AttemptOutcome | null;
  exitCode: number | null;
  signal: string | null;
  /** What a module returned or threw, made durable before its process ends. */
  result: { value: unknown } | { error: Failure } | null;
}

export interface CheckpointInfo {
  seq: number;
  attempt: number;
  size: number;
  sha256: string;
  createdAt: number;
  label: string | null;
  /** How many steps were acknowledged before the checkpoint: its place in the journal. */
  position: number;
  /** The base from which a module that continues from this checkpoint counts names. */
  base: number;
  superseded: boolean;
}

/** Identifies a step of a module. */
export type StepName = Pick<StepKey, "name" | "n" | "base">;

/** What a step that has not ended stores for the attempt that runs it again, as JSON text. */
export interface Kept extends StepName {
  value: string;
}

/** One acknowledged call of a module. */
export interface Step extends StepKey {
  /** The number of this acknowledgement, counted over the whole task: the order of the journal. */
  position: number;
  /** The number of this call, counted from `base`. */
  call: number;
  /** Whether nothing else was in flight from the start of the call to its end. */
  alone: boolean;
  attempt: number;
  startedAt: number;
  endedAt: number;
  size: number;
  /** The result as JSON text. */
  result: string;
  /** Whether the module continued from an earlier checkpoint and did not call this step again. */
  unused?: boolean;
}

export interface TaskEvent {
  seq: number;
  at: number;
  task: number;
  attempt: number | null;
  from: State | null;
  to: State | null;
  cause: string;
  actor: string;
  data: Record<string, unknown> | null;
}

export interface Queue {
  name: string;
  /** How many slots its working tasks may take together; null for no limit. */
  slots: number | null;
  /** Whether its tasks get slot numbers. */
  numbered: boolean;
  /** Whether a waiting task may pause a working task of lower priority. */
  preempt: boolean;
  /** What holds the queue: `user`, or the selector of a pause (`all`, `queue:<name>`); null if it is not held. */
  heldBy: string | null;
  /** When the hold of a pause ends automatically. */
  heldUntil: number | null;
}

export interface Message {
  id: number;
  text: string;
  at: number;
  actor: string;
  /** This is the last message: the pipe on the program's stdin ends here. */
  eof?: boolean;
}
