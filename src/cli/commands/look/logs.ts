import { defined } from "../../../core/defined.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { attend } from "../../follow/attend.ts";
import { LogFile, lastLinesOf } from "../../follow/log-file.ts";
import { type AttemptLog, LogTail } from "../../follow/log-tail.ts";
import { hasEnded } from "../../text/task-result.ts";

type Logs = Result<"logs/path">;

export const logs = command({
  name: "logs",
  summary: "what a task has printed, byte for byte, of all its attempts in order",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {
    follow: flag("-f, --follow", "go on until the task has ended"),
    lines: value("-n, --lines <n>", "only the last n lines", integer(0)),
    attempt: value("--attempt <n>", "only of this attempt", integer(1)),
  },
  examples: [
    ["logs 12", "everything; headings go to stderr"],
    ["logs -f -n 20 12", "the last twenty lines, and what comes"],
    ["logs 12 --attempt 2 2>/dev/null", "the output of the second attempt and nothing else"],
  ],
  reads: true,
  async run(context, [id = ""], { follow, lines, attempt }) {
    const params = { id: reference(id), ...defined({ attempt }) };
    const found = await withDaemon(context, (rpc) => rpc.call("logs/path", params));
    if (context.out.json) return listed(context, found);
    if (attempt !== undefined && found.logs.length === 0) throw usage(`task ${id} has no attempt ${attempt}`);
    if (!follow || hasEnded(found.task) || (attempt !== undefined && !found.logs.some(({ live }) => live)))
      return await printed(context, found, lines);
    return await followed(context, found, lines);
  },
});

function listed({ out }: Context, { logs: files }: Logs): number {
  out.data(files);
  return 0;
}

async function printed({ out }: Context, { logs: files }: Logs, lines: number | undefined): Promise<number> {
  const { first, offset } = await beginning(files, lines);
  for (const log of files.slice(first)) {
    heading(out, log.attempt);
    const file = new LogFile(log.path);
    try {
      if (log === files[first] && offset > 0) await file.skipTo(offset);
      await file.drain((chunk) => out.bytes(chunk));
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
): Promise<number> {
  const { out } = context;
  const tail = new LogTail(
    (chunk) => out.bytes(chunk),
    (attempt) => heading(out, attempt),
  );
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

/** The log and the place in it where the last `lines` lines of all of them begin. */
async function beginning(files: readonly AttemptLog[], lines: number | undefined) {
  if (lines === undefined) return { first: 0, offset: 0 };
  let rest = lines;
  for (let first = files.length - 1; first >= 0; first--) {
    const { offset, missing } = await lastLinesOf(files[first]?.path ?? "", rest);
    if (missing <= 0 || first === 0) return { first, offset };
    rest = missing;
  }
  return { first: 0, offset: 0 };
}
