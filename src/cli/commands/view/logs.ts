import { states } from "../../../core/machine.ts";
import { isPattern } from "../../../core/references.ts";
import { LogFile, lastLinesOf } from "../../../home/log-file.ts";
import { type AttemptLog, LogTail, placeOf } from "../../../home/log-tail.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, Refusal, value } from "../../command/define.ts";
import { integer, pastTime } from "../../command/option-values.ts";
import { reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { selectedIds } from "../../follow/answers.ts";
import { attend } from "../../follow/attend.ts";
import { LineCutter } from "../../follow/line-cutter.ts";
import { type LogSelection, ManyLogs, selectLogs } from "../../follow/many-logs.ts";
import { type Logs, logsOf, requireLogs } from "../../follow/task-files.ts";
import {
  isSingleTask,
  type Selection,
  selectionOf,
  selectorOptions,
  submittedSince,
  tasksArgument,
} from "../../input/selection.ts";
import { hasEnded } from "../../text/task-result.ts";

export const logs = command({
  name: "logs",
  summary: "what tasks have printed, of all their attempts in order",
  notes:
    "The output of one task is printed byte for byte. With several tasks, each line begins with the name of its task. With -f, tasks that the " +
    "pattern or the options select later follow, until all have ended; if none is selected yet, it waits for the first.",
  args: [tasksArgument],
  options: {
    follow: flag("-f, --follow", "go on until the task has ended"),
    lines: value("-n, --lines <n>", "only the last n lines", integer(0)),
    raw: flag("--raw", "the lines that a coding agent has written, as they came"),
    attempt: value("--attempt <n>", "only of this attempt", integer(1)),
    last: flag("--last", "only of the newest attempt"),
    since: value(
      "--since <time>",
      "only attempts that printed since then: 2h (ago), ISO 8601 or HH:MM",
      pastTime,
    ),
    grep: value("--grep <regex>", "only lines that this regular expression fits", parsePattern),
    ...selectorOptions,
  },
  examples: [
    ["logs 12", "everything; headings go to stderr"],
    ["logs -f -n 20 12", "the last twenty lines, and what comes"],
    ["logs 12 --attempt 2 2>/dev/null", "the output of the second attempt and nothing else"],
    ["logs -f 'build-*'", "of every task with such a name, also of later ones"],
    ["logs --label project=tea --grep '[Ee]rror'", "lines of several tasks that speak of an error"],
  ],
  reads: true,
  async run(context, ids, { follow, lines, raw, attempt, last, since, grep, ...selectors }) {
    const selection = selectionOf(ids, selectors);
    const filter: LogSelection = {
      lines,
      last,
      attempt,
      since: since === undefined ? undefined : Date.parse(since),
      pattern: grep,
    };
    if (!isSingleTask(selection)) return await printManyLogs(context, selection, filter, follow);
    const [id = ""] = ids;
    const params = {
      id: reference(id),
      ...(attempt === undefined ? {} : { attempt }),
      ...(raw ? { raw } : {}),
    };
    if (raw && follow) throw usage("--raw prints what there is: it does not follow");
    const allLogs = await withDaemon(context, (rpc) => logsOf(context, rpc, params));
    if (
      attempt !== undefined &&
      allLogs.logs.length + allLogs.missing.length + allLogs.away.length === 0 &&
      !context.out.json
    )
      throw usage(`task ${id} has no attempt ${attempt}`, { hint: `agentctl show ${id}` });
    const selectedLogs = { ...allLogs, logs: selectLogs(allLogs.logs, filter) };
    if (context.out.json) return printJson(context, selectedLogs);
    const cutter = new LineCutter((line) => context.out.bytes(line), "", grep);
    const print = grep ? (chunk: Buffer) => cutter.push(chunk) : (chunk: Buffer) => context.out.bytes(chunk);
    const isFinished =
      hasEnded(selectedLogs.task) || (attempt !== undefined && !selectedLogs.logs.some(({ live }) => live));
    const code = await (follow && !isFinished ? followLogs : printLogs)(context, selectedLogs, lines, print);
    await cutter.end();
    if (since === undefined) requireLogs(context, allLogs, attempt);
    if (!follow) noteUnstarted(context, allLogs.task);
    return code;
  },
});

/** Says if the task never started, because its missing output looks like that of a quiet program. */
function noteUnstarted({ out }: Context, { id, startedAt, endedAt }: TaskJson): void {
  if (startedAt !== null) return;
  const outcome = endedAt === null ? "has not started yet" : "ended before it was started";
  out.note(`task ${id} ${outcome}: it has printed nothing`, `agentctl show ${id}`);
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new Refusal(`${JSON.stringify(text)} is not a regular expression: ${(error as Error).message}`);
  }
}

async function printManyLogs(
  context: Context,
  selection: Selection,
  filter: LogSelection,
  follow: boolean,
): Promise<number> {
  const { out, clock } = context;
  const since = clock.now();
  const tasks = await withDaemon(context, async (rpc) => {
    const ids = await selectedIds(rpc, selection, states, undefined, states);
    return await Promise.all(ids.map(async (id) => (await rpc.call("tasks/get", { id })).task));
  });
  if (out.json) {
    const fetchLogs = (id: number) => withDaemon(context, (rpc) => rpc.call("logs/path", { id }));
    out.data(await Promise.all(tasks.map(async ({ id }) => ({ id, logs: (await fetchLogs(id)).logs }))));
    return 0;
  }
  const findLater = laterTasksQuery(selection, since, tasks);
  if (tasks.length === 0)
    out.note(follow && findLater ? "no task matches yet: waiting for the first" : "no task matches");
  const manyLogs = new ManyLogs(context, filter, await out.paint(), tasks);
  if (!follow) return await manyLogs.print(tasks);
  const selectionText = "ids" in selection ? selection.ids.join(" ") : "with the same options";
  return await manyLogs.follow(tasks, findLater, `agentctl logs -f ${selectionText}`);
}

/** Returns a query for tasks that are submitted later; undefined for ids and names, which match no more tasks. */
function laterTasksQuery(selection: Selection, since: number, tasks: readonly TaskJson[]) {
  const knownIds = new Set(tasks.map(({ id }) => id));
  if ("select" in selection) return submittedSince(since, selection.select, knownIds);
  const patterns = selection.ids.filter(isPattern).map((name) => submittedSince(since, { name }, knownIds));
  if (patterns.length === 0) return undefined;
  return async (rpc: RpcClient) => [
    ...new Set((await Promise.all(patterns.map((query) => query(rpc)))).flat()),
  ];
}

function printJson({ out }: Context, { logs: files }: Logs): number {
  out.data(files);
  return 0;
}

type Print = (chunk: Buffer) => Promise<void>;

async function printLogs(
  { out }: Context,
  { logs: files }: Logs,
  lines: number | undefined,
  print: Print,
): Promise<number> {
  const { firstIndex, offset } = await startPosition(files, lines);
  for (const log of files.slice(firstIndex)) {
    printHeading(out, log.attempt);
    const file = new LogFile(placeOf(log));
    try {
      if (log === files[firstIndex] && offset > 0) await file.skipTo(offset);
      await file.drain(print);
    } finally {
      file.close();
    }
    if (out.gone.aborted) break;
  }
  return 0;
}

async function followLogs(
  context: Context,
  { logs: files, task }: Logs,
  lines: number | undefined,
  print: Print,
): Promise<number> {
  const { out } = context;
  const tail = new LogTail(print, (attempt) => printHeading(out, attempt));
  const { firstIndex, offset } = await startPosition(files, lines);
  const log = files[firstIndex];
  if (log) {
    printHeading(out, log.attempt);
    await tail.startAt(log, files, offset);
  }
  const { exitCode } = await attend(context, {
    ids: [task.id],
    tail,
    comeBack: `agentctl logs -f ${task.id}`,
  });
  return exitCode ?? 0;
}

function printHeading(out: Context["out"], attempt: number): void {
  out.note(`── attempt ${attempt} ──`);
}

/** Returns the log, and the offset in it, where the last `lines` lines of all logs begin. */
async function startPosition(files: readonly AttemptLog[], lines: number | undefined) {
  if (lines === undefined) return { firstIndex: 0, offset: 0 };
  let remaining = lines;
  for (let firstIndex = files.length - 1; firstIndex >= 0; firstIndex--) {
    const { offset, missing } = await lastLinesOf(placeOf(files[firstIndex] as AttemptLog), remaining);
    if (missing <= 0 || firstIndex === 0) return { firstIndex, offset };
    remaining = missing;
  }
  return { firstIndex: 0, offset: 0 };
}
