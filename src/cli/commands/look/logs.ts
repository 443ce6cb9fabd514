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
import { ManyLogs, type Wanted, wantedLogs } from "../../follow/many-logs.ts";
import { type Logs, logsOf, requireLogs } from "../../follow/task-files.ts";
import {
  isOne,
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
    grep: value("--grep <regex>", "only lines that this regular expression fits", pattern),
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
    const wanted: Wanted = {
      lines,
      last,
      attempt,
      since: since === undefined ? undefined : Date.parse(since),
      fits: grep,
    };
    if (!isOne(selection)) return await logsOfMany(context, selection, wanted, follow);
    const [id = ""] = ids;
    const params = {
      id: reference(id),
      ...(attempt === undefined ? {} : { attempt }),
      ...(raw ? { raw } : {}),
    };
    if (raw && follow) throw usage("--raw prints what there is: it does not follow");
    const all = await withDaemon(context, (rpc) => logsOf(context, rpc, params));
    if (
      attempt !== undefined &&
      all.logs.length + all.missing.length + all.away.length === 0 &&
      !context.out.json
    )
      throw usage(`task ${id} has no attempt ${attempt}`, { hint: `agentctl show ${id}` });
    const found = { ...all, logs: wantedLogs(all.logs, wanted) };
    if (context.out.json) return listed(context, found);
    const take = new LineCutter((line) => context.out.bytes(line), "", grep);
    const print = grep ? (chunk: Buffer) => take.push(chunk) : (chunk: Buffer) => context.out.bytes(chunk);
    const isStill = hasEnded(found.task) || (attempt !== undefined && !found.logs.some(({ live }) => live));
    const code = await (follow && !isStill ? followed : printed)(context, found, lines, print);
    await take.end();
    if (since === undefined) requireLogs(context, all, attempt);
    if (!follow) sayUnstarted(context, all.task);
    return code;
  },
});

/** Says if the task never started, because its missing output looks like that of a quiet program. */
function sayUnstarted({ out }: Context, { id, startedAt, endedAt }: TaskJson): void {
  if (startedAt !== null) return;
  const why = endedAt === null ? "has not started yet" : "ended before it was started";
  out.note(`task ${id} ${why}: it has printed nothing`, `agentctl show ${id}`);
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new Refusal(`${JSON.stringify(text)} is not a regular expression: ${(error as Error).message}`);
  }
}

async function logsOfMany(
  context: Context,
  selection: Selection,
  wanted: Wanted,
  follow: boolean,
): Promise<number> {
  const { out, clock } = context;
  const since = clock.now();
  const tasks = await withDaemon(context, async (rpc) => {
    const ids = await selectedIds(rpc, selection, states, undefined, states);
    return await Promise.all(ids.map(async (id) => (await rpc.call("tasks/get", { id })).task));
  });
  if (out.json) {
    const call = (id: number) => withDaemon(context, (rpc) => rpc.call("logs/path", { id }));
    out.data(await Promise.all(tasks.map(async ({ id }) => ({ id, logs: (await call(id)).logs }))));
    return 0;
  }
  const later = laterOf(selection, since, tasks);
  if (tasks.length === 0)
    out.note(follow && later ? "no task matches yet: waiting for the first" : "no task matches");
  const many = new ManyLogs(context, wanted, await out.paint(), tasks);
  if (!follow) {
    await many.print(tasks);
    return 0;
  }
  const words = "ids" in selection ? selection.ids.join(" ") : "with the same options";
  return await many.follow(tasks, later, `agentctl logs -f ${words}`);
}

/** Returns a query for tasks that are submitted later; undefined for ids and names, which match no more tasks. */
function laterOf(selection: Selection, since: number, tasks: readonly TaskJson[]) {
  const known = new Set(tasks.map(({ id }) => id));
  if ("select" in selection) return submittedSince(since, selection.select, known);
  const patterns = selection.ids.filter(isPattern).map((name) => submittedSince(since, { name }, known));
  if (patterns.length === 0) return undefined;
  return async (rpc: RpcClient) => [...new Set((await Promise.all(patterns.map((ask) => ask(rpc)))).flat())];
}

function listed({ out }: Context, { logs: files }: Logs): number {
  out.data(files);
  return 0;
}

type Print = (chunk: Buffer) => Promise<void>;

async function printed(
  { out }: Context,
  { logs: files }: Logs,
  lines: number | undefined,
  print: Print,
): Promise<number> {
  const { first, offset } = await beginning(files, lines);
  for (const log of files.slice(first)) {
    heading(out, log.attempt);
    const file = new LogFile(placeOf(log));
    try {
      if (log === files[first] && offset > 0) await file.skipTo(offset);
      await file.drain(print);
    } finally {
      file.close();
    }
    if (out.gone.aborted) break;
  }
  return 0;
}

async function followed(
  context: Context,
  { logs: files, task }: Logs,
  lines: number | undefined,
  print: Print,
): Promise<number> {
  const { out } = context;
  const tail = new LogTail(print, (attempt) => heading(out, attempt));
  const { first, offset } = await beginning(files, lines);
  const log = files[first];
  if (log) {
    heading(out, log.attempt);
    await tail.startAt(log, files, offset);
  }
  const { left } = await attend(context, { ids: [task.id], tail, comeBack: `agentctl logs -f ${task.id}` });
  return left ?? 0;
}

function heading(out: Context["out"], attempt: number): void {
  out.note(`── attempt ${attempt} ──`);
}

/** Returns the log, and the offset in it, where the last `lines` lines of all logs begin. */
async function beginning(files: readonly AttemptLog[], lines: number | undefined) {
  if (lines === undefined) return { first: 0, offset: 0 };
  let rest = lines;
  for (let first = files.length - 1; first >= 0; first--) {
    const { offset, missing } = await lastLinesOf(placeOf(files[first] as AttemptLog), rest);
    if (missing <= 0 || first === 0) return { first, offset };
    rest = missing;
  }
  return { first: 0, offset: 0 };
}
