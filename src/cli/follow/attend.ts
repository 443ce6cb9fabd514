/**
 * Follows tasks until they end: `run --follow`, `run --wait`, `logs -f` and `wait`. A pause or a question is not an
 * end. Ctrl-C leaves the tasks running, and prints how to come back.
 */
import { AgentctlError } from "../../core/errors.ts";
import type { LogTail } from "../../home/log-tail.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { actor, withDaemon } from "../command/session.ts";
import { reportFailure } from "../text/failure.ts";
import { Notices } from "../text/notices.ts";
import { hasEnded } from "../text/task-result.ts";
import { Interrupt } from "./interrupt.ts";
import { logsOf } from "./task-files.ts";
import { type More, watchTasks } from "./watch-tasks.ts";

/** agentctl's own failure while it follows a task; distinct from the task's exit codes, as in docker. */
export const OWN_FAILURE = 125;
const PAUSED = 75;
const TIMED_OUT = 124;
/** The exit code that a shell reports for an end by SIGPIPE. */
const READER_GONE = 141;

export interface Attendance {
  ids: readonly number[];
  /** Prints the output of the only task. */
  tail?: LogTail;
  /** Prints the output of each of several tasks. */
  tailOf?: (task: TaskJson) => LogTail;
  /** Finds tasks that join the others later. */
  more?: More;
  exitOnPause?: boolean;
  /** Whether INT, TERM and HUP cancel the tasks that have not ended. */
  cancelOnExit?: boolean;
  timeoutMs?: number;
  /** Whether we are done with a task; by default, when it has ended. */
  isDone?: (task: TaskJson) => boolean;
  /** Whether the end of this task is enough to be done with all. */
  isEnough?: (task: TaskJson | AgentctlError) => boolean;
  /** The command that follows the tasks again. */
  comeBack: string;
  /** Catches signals since before the tasks were submitted. */
  interrupt?: Interrupt | undefined;
}

/** The last known state of each task, or why it cannot be seen. `exitCode` is set if we left before the end. */
export interface Attended {
  seen: ReadonlyMap<number, TaskJson | AgentctlError>;
  exitCode: number | undefined;
}

/** Resolves when we are done with all tasks, or something else ends it. Prints its own failure. */
export async function attend(context: Context, attendance: Attendance): Promise<Attended> {
  const { out } = context;
  const { ids, isDone = hasEnded, more } = attendance;
  const tails = new Tails(attendance);
  const seen = new Map<number, TaskJson | AgentctlError>();
  const notices = new Notices(context, ids.length > 1 || more !== undefined);
  const earlyExit = new EarlyExit(context, attendance, seen);
  const unwatch = tails.isNone ? () => undefined : out.watchReader();
  try {
    await watchTasks(
      context,
      ids,
      async (id, task, rpc) => {
        seen.set(id, task);
        if ("state" in task) await tails.update(task, async () => (await logsOf(context, rpc, { id })).logs);
        const isEnd = !("state" in task) || isDone(task);
        if (isEnd && attendance.isEnough?.(task)) earlyExit.finish();
        if (isEnd) return true;
        await notices.update(task, () => tails.drained());
        if (attendance.exitOnPause && isPaused(task)) earlyExit.exit(PAUSED);
        return false;
      },
      earlyExit.signal,
      more,
    );
    if (earlyExit.exitCode === undefined || earlyExit.exitCode === PAUSED) await tails.drained();
    return { seen, exitCode: earlyExit.exitCode };
  } catch (error) {
    await reportFailure(error, out, context);
    return { seen, exitCode: OWN_FAILURE };
  } finally {
    unwatch();
    notices.end();
    earlyExit.end();
    tails.close();
  }
}

/** The logs to print: of the only task, of each, or of none. */
class Tails {
  readonly #options: Pick<Attendance, "tail" | "tailOf">;
  readonly #byTask = new Map<number, LogTail>();

  constructor(options: Pick<Attendance, "tail" | "tailOf">) {
    this.#options = options;
  }

  get isNone(): boolean {
    return !this.#options.tail && !this.#options.tailOf;
  }

  async update(task: TaskJson, logs: () => Promise<Parameters<LogTail["update"]>[0]>): Promise<void> {
    const tail = this.#options.tail ?? this.#byTask.get(task.id) ?? this.#options.tailOf?.(task);
    if (!tail) return;
    this.#byTask.set(task.id, tail);
    tail.update(await logs());
  }

  async drained(): Promise<void> {
    await this.#options.tail?.drained();
    await Promise.all([...this.#byTask.values()].map((tail) => tail.drained()));
  }

  close(): void {
    this.#options.tail?.close();
    for (const tail of this.#byTask.values()) tail.close();
  }
}

function isPaused({ state }: TaskJson): boolean {
  return state === "suspended" || state === "input-required";
}

/** Stops following the tasks before they end, because of a signal, the time limit, or a reader that left. */
class EarlyExit {
  exitCode: number | undefined;
  readonly #context: Context;
  readonly #attendance: Attendance;
  readonly #seen: Attended["seen"];
  readonly #stop = new AbortController();
  readonly #interrupt: Interrupt;
  readonly #endTimer: () => void;

  constructor(context: Context, attendance: Attendance, seen: Attended["seen"]) {
    this.#context = context;
    this.#attendance = attendance;
    this.#seen = seen;
    const { timeoutMs, interrupt = new Interrupt(() => undefined) } = attendance;
    this.#interrupt = interrupt;
    const onTimeout = () => this.exit(TIMED_OUT, "time is up");
    this.#endTimer = timeoutMs === undefined ? () => undefined : startTimer(timeoutMs, onTimeout);
    const { out } = context;
    const onReaderGone = () => this.exit(out.isUnwritable ? OWN_FAILURE : READER_GONE);
    out.gone.addEventListener("abort", onReaderGone, { once: true });
    interrupt.redirect(() => this.#interrupted(interrupt));
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Stops without a message, because we have seen enough. */
  finish(): void {
    this.#stop.abort();
  }

  /** Stops with this exit code; only the first call counts. */
  exit(exitCode: number, why?: string): void {
    if (this.signal.aborted) return;
    this.exitCode = exitCode;
    const { ids, comeBack } = this.#attendance;
    const subject = ids.length === 1 ? `task ${ids[0]} goes on` : "the tasks go on";
    if (why) this.#context.out.note(`${why}; ${subject}: ${comeBack} comes back`);
    this.#stop.abort();
  }

  end(): void {
    this.#endTimer();
    this.#interrupt.end();
  }

  #interrupted({ exitCode, count }: Interrupt): void {
    if (!this.#attendance.cancelOnExit || count > 1) {
      this.exit(exitCode, "detached");
      return;
    }
    const ids = new Set([...this.#attendance.ids, ...this.#seen.keys()]);
    const open = [...ids].filter((id) => isOpen(this.#seen.get(id)));
    this.#context.out.note(`canceling task ${open.join(", ")}`);
    const caller = actor(this.#context);
    withDaemon(this.#context, (rpc) =>
      Promise.all(open.map((id) => rpc.call("tasks/cancel", { id, actor: caller }).catch(ignoreEnded))),
    ).catch(async (error: unknown) => {
      await reportFailure(error, this.#context.out, this.#context);
      this.exit(OWN_FAILURE);
    });
  }
}

/** Returns whether a task may still need to be canceled; true also for one that we have not seen yet. */
function isOpen(last: TaskJson | AgentctlError | undefined): boolean {
  return last === undefined || ("state" in last && !hasEnded(last));
}

/** Ignores that a task ended before its cancel arrived: we see its end anyway. Throws any other error. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof AgentctlError && error.name === "TaskNotCancelable")) throw error;
}

/** The longest delay that a Node timer accepts. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Calls `callback` after any number of milliseconds, unless the returned function is called first. */
function startTimer(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (remaining: number): void => {
    const delay = Math.min(remaining, MAX_TIMER_MS);
    timer = setTimeout(() => (remaining > delay ? wait(remaining - delay) : callback()), delay);
  };
  wait(ms);
  return () => clearTimeout(timer);
}
