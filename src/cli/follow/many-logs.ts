/** The logs of several tasks at once, each line with the name of its task in front. */
import { LogFile, lastLinesOf } from "../../home/log-file.ts";
import { type AttemptLog, LogTail, placeOf } from "../../home/log-tail.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Context } from "../command/context.ts";
import { withDaemon } from "../command/session.ts";
import { reportFailure } from "../text/failure.ts";
import type { Paint } from "../text/paint.ts";
import { oneLine } from "../text/terminal-text.ts";
import { attend } from "./attend.ts";
import { LineCutter } from "./line-cutter.ts";
import { type Logs, logsOf, requireLogs } from "./task-files.ts";
import type { More } from "./watch-tasks.ts";

/** Which part of the logs is wanted. */
export interface LogSelection {
  lines: number | undefined;
  /** Only the newest attempt. */
  last: boolean;
  attempt: number | undefined;
  /** Only attempts that printed something since then, in ms since 1970. */
  since: number | undefined;
  pattern: RegExp | undefined;
}

/** Returns the attempts of a task that are wanted. */
export function selectLogs(logs: Logs["logs"], selection: LogSelection): Logs["logs"] {
  const { last, attempt, since } = selection;
  const chosen = attempt === undefined ? [...logs] : logs.filter((log) => log.attempt === attempt);
  const newest = last ? chosen.slice(-1) : chosen;
  return since === undefined ? newest : newest.filter(({ updatedAt }) => Date.parse(updatedAt) >= since);
}

/** Prints the logs of the tasks: `print` one after the other, `follow` as the output comes. */
export class ManyLogs {
  readonly #context: Context;
  readonly #selection: LogSelection;
  readonly #paint: Paint;
  readonly #width: number;
  readonly #cutters = new Map<number, LineCutter>();

  constructor(context: Context, selection: LogSelection, paint: Paint, tasks: readonly TaskJson[]) {
    this.#context = context;
    this.#selection = selection;
    this.#paint = paint;
    this.#width = Math.max(...tasks.map((task) => nameOf(task).length), 0);
  }

  /** Returns the exit code: 1 if a log could not be read. */
  async print(tasks: readonly TaskJson[]): Promise<number> {
    let code = 0;
    for (const task of tasks) {
      if (this.#context.out.gone.aborted) break;
      const response = await this.#logsOf(task);
      const cutter = this.#cutterOf(task);
      const selected = selectLogs(response.logs, this.#selection);
      const { lines: count } = this.#selection;
      for (const log of count === undefined ? selected : selected.slice(-1))
        await printFile(log, count, (chunk) => cutter.push(chunk));
      await cutter.end();
      if (!(await this.#isWhole(response))) code = 1;
    }
    return code;
  }

  /** Returns the exit code: 1 if a log could not be read. */
  async follow(tasks: readonly TaskJson[], more: More | undefined, comeBack: string): Promise<number> {
    const ids = tasks.map(({ id }) => id);
    let code = 0;
    for (const task of tasks) if (!(await this.#isWhole(await this.#logsOf(task)))) code = 1;
    const tails = new Map<number, LogTail>();
    for (const task of tasks) tails.set(task.id, await this.#startedTail(task));
    const { exitCode } = await attend(this.#context, {
      ids,
      tailOf: (task) => tails.get(task.id) ?? this.#tailOf(task),
      comeBack,
      ...(more ? { more } : {}),
    });
    for (const cutter of this.#cutters.values()) await cutter.end();
    return exitCode ?? code;
  }

  /** Returns whether all wanted parts of a log can be read. If not, reports it: the other tasks have logs, too. */
  async #isWhole(response: Logs): Promise<boolean> {
    const { attempt, since } = this.#selection;
    try {
      if (since === undefined) requireLogs(this.#context, response, attempt);
      return true;
    } catch (error) {
      await reportFailure(error, this.#context.out, this.#context);
      return false;
    }
  }

  /** Returns a tail that begins where the wanted part of the log begins. */
  async #startedTail(task: TaskJson): Promise<LogTail> {
    const tail = this.#tailOf(task);
    const { last, lines } = this.#selection;
    if (!last && lines === undefined) return tail;
    const { logs } = await this.#logsOf(task);
    const newest = logs.at(-1);
    const offset = newest && lines !== undefined ? (await lastLinesOf(placeOf(newest), lines)).offset : 0;
    if (newest) await tail.startAt(newest, logs, offset);
    return tail;
  }

  #logsOf({ id }: TaskJson): Promise<Logs> {
    return withDaemon(this.#context, (rpc) => logsOf(this.#context, rpc, { id }));
  }

  #tailOf(task: TaskJson): LogTail {
    const cutter = this.#cutterOf(task);
    return new LogTail(
      (chunk) => cutter.push(chunk),
      () => undefined,
    );
  }

  #cutterOf(task: TaskJson): LineCutter {
    const existing = this.#cutters.get(task.id);
    if (existing) return existing;
    const name = this.#paint.name(this.#cutters.size, nameOf(task).padEnd(this.#width));
    const cutter = new LineCutter(
      (line) => this.#context.out.bytes(line),
      `${name} | `,
      this.#selection.pattern,
    );
    this.#cutters.set(task.id, cutter);
    return cutter;
  }
}

/** Returns a task's name, or its id if it has no name. */
function nameOf({ id, name }: TaskJson): string {
  return name === null ? String(id) : oneLine(name);
}

/** Passes the last lines of a file, or all of it, to `onChunk`. */
async function printFile(
  log: AttemptLog,
  lines: number | undefined,
  onChunk: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const place = placeOf(log);
  const file = new LogFile(place);
  try {
    if (lines !== undefined) await file.skipTo((await lastLinesOf(place, lines)).offset);
    await file.drain(onChunk);
  } finally {
    file.close();
  }
}
