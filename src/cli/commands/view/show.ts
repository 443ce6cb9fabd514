import { placeOf } from "../../../home/log-tail.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, value } from "../../command/define.ts";
import { callDaemon, reference, withDaemon } from "../../command/session.ts";
import { logsOf } from "../../follow/task-files.ts";
import { taskReport } from "../../text/report/task-report.ts";
import { templateOf } from "../../text/template.ts";
import { oneLine } from "../../text/terminal-text.ts";

/** How many lines of a failed task's log are shown. */
const LAST_LINES = 10;

export const show = command({
  name: "show",
  summary: "why a task waits, what to do, and all that is known of it",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {
    format: value("--format <template>", "a line from its JSON, such as '{state}\\t{pause.reason}'"),
  },
  examples: [
    ["show 12", "its state, why it waits, its attempts, pauses, checkpoints, steps and events"],
    ["show nightly --json", "the same for a script"],
  ],
  reads: true,
  async run(context, [id = ""], { format }) {
    const { out, clock } = context;
    const params = { id: reference(id), details: true };
    const { task } = await callDaemon(context, "tasks/get", params);
    if (out.json) out.data(task);
    else if (format !== undefined) out.line(templateOf(format)(task));
    else {
      const reported = { ...task, queueSlots: await queueSlotsOf(context, task) };
      for (const line of taskReport(reported, clock.now(), await out.paint(), out.columns)) out.line(line);
      if (task.state === "failed") await printLastLines(context, task.id);
    }
    return 0;
  },
});

/** Returns how many slots the queue has that a task waits for; null if it waits for something else or has no limit. */
async function queueSlotsOf(context: Context, { waiting, queue }: TaskJson): Promise<number | null> {
  if (waiting?.on !== queue || (waiting.for !== "slot" && waiting.for !== "slots")) return null;
  const { queues } = await callDaemon(context, "queues/list", {});
  return queues.find(({ name }) => name === queue)?.slots ?? null;
}

/** Prints the end of the newest log, which usually says why the task failed. */
async function printLastLines(context: Context, id: number): Promise<void> {
  const { out } = context;
  const { logs } = await withDaemon(context, (rpc) => logsOf(context, rpc, { id }));
  const log = logs.at(-1);
  if (!log) return;
  const { LogFile, lastLinesOf } = await import("../../../home/log-file.ts");
  const file = new LogFile(placeOf(log));
  await file.skipTo((await lastLinesOf(placeOf(log), LAST_LINES)).offset);
  const chunks: Buffer[] = [];
  await file.drain(async (chunk) => void chunks.push(chunk));
  file.close();
  const text = Buffer.concat(chunks).toString("utf8").trimEnd();
  if (text === "") return;
  out.line(`\n${(await out.paint()).strong("Last lines of its log")}`);
  for (const line of text.split("\n")) out.line(`  ${oneLine(line)}`);
}
