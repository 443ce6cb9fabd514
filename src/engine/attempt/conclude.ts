/**
 * Decides what follows from the end of an attempt. Pure: from the task, the request under way and how the process
 * ended, it computes the next move. The first rule that applies decides:
 *
 * 1. a cancel or time-out under way decides, however the process ended;
 * 2. a module whose journal does not match is suspended; one that left for a sleep or a question goes there;
 * 3. a value that a module returned stands, even if its process was killed once the value was durable;
 * 4. under a pause by checkpoint, `concludePause` decides; without one, an error that a module threw stands;
 * 5. a process that is gone without a trace, or was ended by a shutdown signal, is lost; so is an interrupted agent;
 * 6. exit 0 completes a program; anything else fails, with retries while there are any.
 */
import { cutOff } from "../../core/agents.ts";
import type { Transition } from "../../core/machine.ts";
import type { Attempt, AttemptOutcome, Failure, Intent, Pause, PauseIntent, Task } from "../../core/task.ts";
import { formatDuration } from "../../core/time.ts";
import type { Patch } from "../../store/store.ts";
import { isNoRoom, requeued } from "../no-room.ts";

/** The facts about an attempt that has ended. */
export interface AttemptEnd {
  task: Task;
  intent: Intent | null;
  result: Attempt["result"];
  startFailure: Failure | null;
  exitCode: number | null;
  signal: string | null;
  lost: boolean;
  /** Whether no daemon watched when it ended, or the session was going down. */
  unwatched: boolean;
  /** A random number from -1 to 1, for the back-off of a retry. */
  jitter: number;
  at: number;
}

/** The move that follows, and how the attempt is recorded. */
export interface Conclusion {
  transition: Exclude<Transition, "run">;
  cause: string;
  actor: string;
  outcome: AttemptOutcome;
  set: Patch;
  /** The move applies only while the question asked at this time is open. */
  question?: number;
}

/** The signals with which a machine or session that goes down ends its processes. */
export const SHUTDOWN_SIGNALS: readonly string[] = ["SIGTERM", "SIGHUP", "SIGKILL"];

/** `EX_TEMPFAIL` of sysexits.h: "try again later". */
const EXIT_TEMPFAIL = 75;

/** The label of a checkpoint that a pause has stored. */
export const PAUSE_LABEL = "pause";

/** The error of an agent whose process ended in the middle of its work. */
const INTERRUPTED_ERROR = "AgentInterrupted";

/** After this many losses without progress between them, the daemon does not restart a task on its own. */
const MAX_LOSSES = 3;

export function conclude(end: AttemptEnd): Conclusion {
  const { intent, result } = end;
  if (intent?.kind === "cancel") return concludeCancel(end, intent);
  if (intent?.kind === "timeout") return concludeTimeout(end, intent.of === "attempt");
  if (result && "error" in result && result.error.name === "JournalMismatch") {
    return concludeUnusable(end, "mismatch", result.error);
  }
  if (intent?.kind === "leave") return concludeLeave(end, intent);
  if (result && "value" in result) return concludeSuccess(result.value);
  if (intent?.kind === "pause" && intent.mode === "checkpoint") return concludePause(end, intent);
  if (end.startFailure) return concludeNotStarted(end, end.startFailure);
  if (end.task.kind === "agent" && isInterrupted(end)) return concludeLost(end);
  if (result) return concludeFailure(end, result.error);
  if (isLost(end)) return concludeLost(end);
  if (end.exitCode === 0 && end.task.kind === "program") return concludeSuccess(null);
  return concludeFailure(end, failureOf(end));
}

function isLost({ lost, unwatched, signal }: AttemptEnd): boolean {
  return lost || (unwatched && signal !== null && SHUTDOWN_SIGNALS.includes(signal));
}

/** Whether an agent ended in the middle of its work, alone or with its host: it can go on from its session. */
function isInterrupted({ result, signal, lost }: AttemptEnd): boolean {
  if (!result) return lost || signal !== null;
  return "error" in result && result.error.name === INTERRUPTED_ERROR;
}

function concludeSuccess(result: unknown): Conclusion {
  const exitCode = 0;
  const set: Patch = { exitCode, signal: null, result };
  return { transition: "complete", cause: "end", actor: "task", outcome: "completed", set };
}

function concludeLeave({ task }: AttemptEnd, { to, until }: Extract<Intent, { kind: "leave" }>): Conclusion {
  if (to === "ask" && task.question) {
    const question = task.question.at;
    return { transition: "ask", cause: "ask", actor: "task", outcome: "asked", set: {}, question };
  }
  // After a question: the answer came while the process was ending, so the task goes straight back into the queue.
  const set: Patch = to === "sleep" ? { notBefore: until, delay: "time" } : {};
  return { transition: "sleep", cause: to, actor: "task", outcome: to === "sleep" ? "sleep" : "asked", set };
}

function concludeCancel(end: AttemptEnd, intent: Extract<Intent, { kind: "cancel" }>): Conclusion {
  const message = intent.reason ? `canceled: ${intent.reason}` : "canceled";
  const error = { name: "Canceled", code: null, message, data: null };
  const set: Patch = { error, exitCode: end.exitCode, signal: end.signal };
  return { transition: "cancel", cause: "cancel", actor: intent.actor, outcome: "canceled", set };
}

/** Concludes a time-out. The task's own limit is then used up; the limit of one attempt begins again with the next. */
function concludeTimeout(end: AttemptEnd, isOfAttempt: boolean): Conclusion {
  const { timeoutMs, attemptTimeoutMs, retryOnTimeout } = end.task;
  const limit = isOfAttempt ? { attemptTimeoutMs } : { timeoutMs };
  const limitName = isOfAttempt ? "its time limit for one attempt" : "its time limit";
  const ms = (isOfAttempt ? attemptTimeoutMs : timeoutMs) ?? 0;
  const error = {
    name: "TimedOut",
    code: null,
    message: `ran longer than ${limitName} of ${formatDuration(ms)}`,
    data: limit,
  };
  if (isOfAttempt && retryOnTimeout) return concludeFailure(end, error);
  const set: Patch = { error, exitCode: end.exitCode, signal: end.signal };
  return { transition: "fail", cause: "timeout", actor: "daemon", outcome: "failed", set };
}

/** Interprets the end of a process that was asked to pause (contract, section 3). */
function concludePause(end: AttemptEnd, intent: PauseIntent): Conclusion {
  const hasSaved = (end.task.checkpoint?.seq ?? 0) > intent.checkpointSeq;
  const continues = hasSaved || end.task.pauseMode === "checkpoint" || end.task.kind !== "program";
  if (end.exitCode === 0 && !continues) return concludeSuccess(null);
  const isForced = intent.forced || end.lost;
  const outcome = isForced || !isResponse(end, hasSaved) ? "forced" : "cooperative";
  const failure = end.result && "error" in end.result ? end.result.error : null;
  // Exit 75 and death by the pause signal are the agreed responses. Any other failure is kept for `show`.
  const isExpectedExit =
    isForced ||
    [0, EXIT_TEMPFAIL].includes(end.exitCode ?? 0) ||
    (end.signal !== null && outcome === "cooperative");
  const error = failure ?? intent.error ?? (isExpectedExit ? null : failureOf(end));
  const { resumesWith = null } = intent;
  const pause = pauseOf(intent, outcome, end.at);
  const cutFields = outcome === "forced" ? cutOff(end.task) : {};
  const set: Patch = { pause, resumesWith, error, exitCode: null, signal: null, ...cutFields };
  return { transition: "suspend", cause: causeOf(intent), actor: intent.actor, outcome, set };
}

/**
 * Whether the process ended in response to the request, and did not just die meanwhile, such as when memory runs out
 * and the kernel kills it. A module responds only with the checkpoint of its pause. A program may also exit, or die of
 * the pause signal.
 */
function isResponse({ task, signal }: AttemptEnd, hasSaved: boolean): boolean {
  if (task.kind !== "program") return hasSaved && task.checkpoint?.label === PAUSE_LABEL;
  return hasSaved || signal === null || signal === task.pauseSignal;
}

/** Returns the pause to record for an intent. */
export function pauseOf(intent: PauseIntent, outcome: Pause["outcome"], at: number): Pause {
  const { mode, cause, actor, reason, until, group } = intent;
  return { mode, outcome, cause, actor, reason, at, until, group };
}

/** Returns the cause for the event of a pause: `pause` if a user asked for it, else the cause of the intent. */
export function causeOf(intent: PauseIntent): string {
  return intent.cause === "user" ? "pause" : intent.cause;
}

function concludeUnusable(end: AttemptEnd, cause: "mismatch" | "corrupt", error: Failure): Conclusion {
  const pause = daemonPause(cause, error.message, end.at);
  return { transition: "suspend", cause, actor: "daemon", outcome: "mismatch", set: { pause, error } };
}

/** Concludes an attempt whose process ended in an unknown way, as `--on-lost` says. */
export function concludeLost(end: AttemptEnd): Conclusion {
  const { task } = end;
  const losses = task.losses + 1;
  // The user's pause could not be finished, but the user still wants the task paused.
  const pausePolicy = end.intent?.kind === "pause" && end.intent.cause === "user" ? "suspend" : null;
  const policy = pausePolicy ?? task.onLost ?? (canContinue(task) ? "resume" : "suspend");
  const message = lossMessage(end);
  const error = { name: "ProcessLost", code: null, message, data: { losses } };
  const exit = { exitCode: end.exitCode, signal: end.signal, ...cutOff(task) };
  if (policy === "fail") {
    return { transition: "fail", cause: "lost", actor: "daemon", outcome: "lost", set: { ...exit, error } };
  }
  // `until` is now: the task resumes at once, through the next daemon if this one dies first.
  const until = policy === "resume" && losses < MAX_LOSSES ? end.at : null;
  const pause = { ...daemonPause("lost", message, end.at), until };
  const set: Patch = { losses, error, pause, ...cutOff(task) };
  return { transition: "suspend", cause: "lost", actor: "daemon", outcome: "lost", set };
}

function lossMessage(end: AttemptEnd): string {
  if (end.result && "error" in end.result) return end.result.error.message;
  return end.lost
    ? "the process disappeared: the machine went down, or it was killed together with its guard"
    : `the process was ended by ${end.signal}${end.unwatched ? " while the daemon was away" : ""}`;
}

function concludeNotStarted(end: AttemptEnd, error: Failure): Conclusion {
  if (!isNoRoom(error.data?.code)) return concludeFailure(end, error);
  const { set, ...move } = requeued(end.at);
  return { ...move, actor: "daemon", outcome: "failed", set: { ...set, error } };
}

function concludeFailure(end: AttemptEnd, error: Failure): Conclusion {
  const { task } = end;
  const set: Patch = { error, exitCode: end.exitCode ?? 1, signal: end.signal };
  if (task.failures < task.retries) {
    const notBefore = end.at + backoff(task.backoffMs, task.failures, end.jitter);
    const retry: Patch = { ...set, failures: task.failures + 1, notBefore, delay: "backoff" };
    return { transition: "retry", cause: "retry", actor: "daemon", outcome: "failed", set: retry };
  }
  return { transition: "fail", cause: "end", actor: "task", outcome: "failed", set };
}

const MAX_BACKOFF_MS = 3_600_000;
/** At most this part of a back-off is added or removed at random, so that tasks that failed together retry apart. */
const JITTER = 0.1;

/** Returns the back-off in ms: `firstMs`, doubled by each failure, at most an hour. `jitter` is from -1 to 1. */
function backoff(firstMs: number, failures: number, jitter: number): number {
  const baseMs = Math.min(firstMs * 2 ** Math.min(failures, 30), MAX_BACKOFF_MS);
  return Math.min(Math.round(baseMs * (1 + JITTER * jitter)), MAX_BACKOFF_MS);
}

function failureOf({ task, exitCode, signal }: AttemptEnd): Failure {
  const data = { exitCode, signal };
  const subject =
    task.kind !== "program"
      ? `the ${task.kind === "agent" ? "agent's host" : "module's process"}`
      : (task.argv?.[0] ?? "the program");
  if (signal)
    return { name: "KilledBySignal", code: null, message: `${subject} was ended by ${signal}`, data };
  const manner =
    task.kind === "program" ? `with exit code ${exitCode}` : `without a result (exit code ${exitCode})`;
  return { name: "ExitedWithError", code: null, message: `${subject} ended ${manner}`, data };
}

/** Whether a later attempt has something to continue from, so that it does not silently start over. */
export function canContinue(task: Task): boolean {
  // An agent without a known session has not been sent anything yet.
  if (task.checkpoint || task.kind === "agent") return true;
  return task.kind !== "program" ? task.journaled : task.pauseMode === "checkpoint";
}

/** A pause that nobody asked for. */
export function daemonPause(cause: Pause["cause"], reason: string, at: number): Pause {
  return { mode: "checkpoint", outcome: null, cause, actor: "daemon", reason, at, until: null, group: null };
}
