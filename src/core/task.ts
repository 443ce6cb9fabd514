import type { AgentReport } from "./agents.ts";
import type { Checkout } from "./checkout.ts";
import type { State } from "./machine.ts";
import type { pauseModes, Submitted } from "./submitted.ts";

/** What a task runs: a program with arguments, a task module, or a coding agent, which is driven by a module of agentctl's own. */
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

/** What ends a pause by itself: a slot for a preempted task, memory for one that was paused because there was too little. */
export type ResumesWith = "slot" | "memory";

/** The last pause of a task; it stays after the resume. */
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
  /** When `fallback` is taken for the answer, or null to wait without a limit. */
  deadline: number | null;
  fallback: string | null;
  /** Where the answer goes in the journal. */
  key: StepKey;
  call: number;
  alone: boolean;
}

/** What is being done to a live attempt; durable, so that the next daemon can finish it. */
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
      /** The machine of a cluster that asks. */
      from?: string;
      /** The number of the newest checkpoint when the pause was asked for. */
      checkpointSeq: number;
      /** The process was killed because the grace time was over. */
      forced?: boolean;
      /** What a task that suspends itself says is wrong. */
      error?: Failure;
    }
  | { kind: "cancel"; actor: string; reason: string | null; graceMs: number }
  | { kind: "timeout"; of?: "attempt" }
  | { kind: "leave"; to: "sleep" | "ask"; until: number | null };

export type PauseIntent = Extract<Intent, { kind: "pause" }>;

/** Names one journaled call: its kind, its name, how many calls of that name came before, counted from `base`. */
export interface StepKey {
  kind: "step" | "sleep" | "ask" | "messages";
  name: string;
  n: number;
  /** The checkpoint from which the names are counted, 0 for the module's top. */
  base: number;
}

/** A task on its way to another home: nothing else may become of it until it is there, or taken back. */
export interface Moving {
  /** Names the move, in both homes. */
  move: string;
  /** The host or context. */
  to: string;
  at: number;
  /** It was not a user's pause: it goes on there. */
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
  /** What a module is given; undefined where the task was submitted without an input. */
  input: unknown;
  /** The first of `after` that has not ended. */
  blockedBy: number | null;
  envHash: string;
  /** The variables that were given to it by name, beside those that it took over. */
  envNames: string[];
  moving: Moving | null;
  attempt: number;
  /** How often it was edited. */
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
    /** The selector of a pause of whole queues, which is carried out for all of them as soon as it is due for one. */
    group?: string | null;
  } | null;
  pause: Pause | null;
  /** The process of a suspended or resumed task still exists, stopped. */
  frozen: boolean;
  /** It is suspended and queued to be resumed by itself: with a slot, or with memory. */
  resumesWith: ResumesWith | null;
  /** The numbers of its slots in a numbered queue, which are those of its attempt. */
  slotNumbers: number[] | null;
  /** The module called a step at least once, so its journal says where it was. */
  journaled: boolean;
  question: Question | null;
  /** What the host of an agent said last. */
  agentReport: AgentReport | null;
  /** Names whose limit of a provider an agent uses up, by a hash. */
  account: string | null;
  /** The git worktree in which it works. */
  checkout: Checkout | null;
  /** Agent and session; no two open tasks have the same. */
  sessionKey: string | null;
  progress: { done: number; total: number | null; message: string | null } | null;
  pid: number | null;
  /** The name of the machine of a cluster on which its process is; null without one, and outside a cluster. */
  machine: string | null;
  createdAt: number;
  startedAt: number | null;
  updatedAt: number;
  endedAt: number | null;
  /** Running time of ended phases; the current one counts from `phaseAt`. */
  runMs: number;
  /** The same of this attempt alone. */
  attemptRunMs: number;
  pausedMs: number;
  /** When the present state began. */
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
  /** Names the run files and is shown by `ps`; no secret. */
  runKey: string;
  bootId: string;
  /** The machine of a cluster on which it ran; null outside of one. */
  machine: string | null;
  pid: number | null;
  /** Clock ticks since boot at which the process began: with pid and boot id it names one process and no later one. */
  pidStart: number | null;
  saidHello: boolean;
  startedAt: number;
  endedAt: number | null;
  outcome: AttemptOutcome | null;
  exitCode: number | null;
  signal: string | null;
  /** What a module returned or threw, durable before its process ends. */
  result: { value: unknown } | { error: Failure } | null;
}

export interface CheckpointInfo {
  seq: number;
  attempt: number;
  size: number;
  sha256: string;
  createdAt: number;
  label: string | null;
  /** Steps acknowledged before it: its place in the journal. */
  position: number;
  /** The base from which a module that continues from it counts names. */
  base: number;
  superseded: boolean;
}

/** Names a step of a module. */
export type StepName = Pick<StepKey, "name" | "n" | "base">;

/** What a step that has not ended keeps for the attempt that runs it again, as JSON text. */
export interface Kept extends StepName {
  value: string;
}

/** One acknowledged call of a module. */
export interface Step extends StepKey {
  /** The number of this acknowledgement, counted over the task: the order of the journal. */
  position: number;
  /** The number of this call, counted from `base`. */
  call: number;
  /** Nothing else was in flight from its call to its end. */
  alone: boolean;
  attempt: number;
  startedAt: number;
  endedAt: number;
  size: number;
  /** JSON text of the result. */
  result: string;
  /** The module has gone on from the checkpoint before it without asking for it again. */
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
  /** Its tasks get numbers for their slots. */
  numbered: boolean;
  /** A waiting task may pause a working one of lower priority. */
  preempt: boolean;
  /** Who holds it: `user`, or the selector of a pause (`all`, `queue:<name>`); null when it is not held. */
  heldBy: string | null;
  /** When the hold of a pause ends by itself. */
  heldUntil: number | null;
}

export interface Message {
  id: number;
  text: string;
  at: number;
  actor: string;
  /** Nothing follows: the pipe that is the program's stdin ends here. */
  eof?: boolean;
}
