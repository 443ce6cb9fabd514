import { asAgentctlError } from "../../../core/errors.ts";
import { missedChoices, overlapChoices } from "../../../core/recurring.ts";
import { formatDuration, parseDuration } from "../../../core/time.ts";
import { localZone, ZONE_HINT } from "../../../home/local-zone.ts";
import type { ScheduleJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { choice, command, flag, type Group, value } from "../../command/define.ts";
import { duration } from "../../command/option-values.ts";
import { actor, callDaemon } from "../../command/session.ts";
import { usage, withOptionNames } from "../../command/usage.ts";
import { asTyped, isModule, runOptions, submissionOf } from "../../input/submission.ts";
import { submittedOptions } from "../../text/report/submission-options.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine, shellLine } from "../../text/terminal-text.ts";
import { ageText, untilText, whenText } from "../../text/when.ts";

const nameArgument = ["<name>", "a schedule's name"] as const;

/** The options for one task, or for waiting for it, which a schedule does not have. */
const { follow, wait, cancelOnExit, exitOnPause, key, delay, notBefore, ...remainingOptions } = runOptions;
const { after, afterAny, afterFailed, each, ...taskOptions } = remainingOptions;
const unusedOptions = {
  ...{ follow: false, wait: false, cancelOnExit: false, exitOnPause: false, each: false },
  ...{ after: [], afterAny: [], afterFailed: [] },
};

const add = command({
  name: "add",
  summary: "submit a program or a task module again and again",
  notes: [
    "The expression has five fields (minute, hour, day, month, weekday), six with seconds in front, or is @hourly, @daily, @weekly, @monthly, @yearly, or '@every 90m', which counts from now.",
    "Options come before the program. What follows the program reaches it byte for byte, without a shell. Each run is an ordinary task with the label schedule=<name>.",
  ].join("\n"),
  args: [
    nameArgument,
    ["<cron>", "when, such as '30 2 * * MON-FRI', @daily or '@every 90m'"],
    ["<program>", "a program on the PATH or a path, or a task module"],
    ["[args...]", "its arguments"],
  ],
  leading: 2,
  options: {
    tz: value("--tz <zone>", "the zone of the times, such as Europe/Berlin (the caller's)"),
    overlap: choice(
      "--overlap <what>",
      "while the previous run is open: skip, queue or replace (skip)",
      overlapChoices,
    ),
    missed: choice(
      "--missed <what>",
      "runs that no daemon was there for: run once, or skip (run)",
      missedChoices,
    ),
    jitter: value("--jitter <duration>", "delay each run by a random time up to this", duration),
    replace: flag("--replace", "in the place of the schedule of that name, if there is one"),
    ...taskOptions,
  },
  examples: [
    ["schedule add backup '30 2 * * *' -- ./backup.sh --full", "every night at half past two"],
    ["schedule add report @weekly --tz Europe/Berlin --queue nightly report.ts", "a task module, in a queue"],
    [
      "schedule add poll '*/5 * * * *' --overlap skip --jitter 30s -- ./poll.sh",
      "not while the last one is open",
    ],
    ["schedule add --replace backup '0 4 * * *' -- ./backup.sh --full", "from now on at four"],
  ],
  acceptsOptionsAfter: ([first], isMarked, context) => !isMarked && isModule(first, context),
  async run(
    context,
    [name = "", expression = "", ...operands],
    { tz, overlap, missed, jitter, replace, ...options },
    isMarked,
  ) {
    if (options.stdin === "-")
      throw usage("--stdin -: what is piped in belongs to one task; name a file, which each run opens");
    const cron = normalizeCron(name, expression);
    const unsetOptions = { key: undefined, delay: undefined, notBefore: undefined };
    const task = await submissionOf(
      context,
      { operands, isMarked },
      { ...options, ...unusedOptions, ...unsetOptions },
    );
    const zone = tz ?? localZone(context.env.TZ);
    if (zone === undefined)
      throw usage(
        `the zone of the schedule is not known: TZ=${context.env.TZ} is none that agentctl can compute with; ` +
          `give --tz <zone>, or ${ZONE_HINT}`,
      );
    const params = {
      name,
      cron,
      tz: zone,
      overlap,
      missed,
      jitterMs: jitter,
      task,
      ...(replace ? { replace } : {}),
    };
    const { schedule } = await callDaemon(context, "schedules/add", params).catch((error: unknown) => {
      throw asTyped(withOptionNames(context.command, asAgentctlError(error)), {
        before: ["schedule", "add", name, cron],
        argv: task.argv,
      });
    });
    printSchedule(
      context,
      schedule,
      `schedule ${name} ${replace ? "set" : "added"}; next run ${nextText(schedule, context.clock.now())}`,
    );
    return 0;
  },
});

/** Returns the expression with one space between its fields: a crontab has tabs. Without quotes, a shell passes one field each. */
function normalizeCron(name: string, expression: string): string {
  const line = expression.trim().replace(/\s+/g, " ");
  const isEvery = /^@every$/i.test(line);
  if ((line.startsWith("@") && !isEvery) || /^\S+( \S+){4,5}$/.test(line)) return line;
  const interval = isEvery ? "90m" : line.replace(/^every /i, "");
  const example = parseDuration(interval) === undefined ? "30 2 * * *" : `@every ${interval}`;
  throw usage(`<cron>: ${JSON.stringify(expression)} has neither five nor six fields`, {
    hint: `quotes make one word of them: agentctl schedule add ${shellLine([name])} '${example}' -- <program>`,
  });
}

const list = command({
  name: "list",
  summary: "the schedules, with their next and their last run",
  args: [],
  options: {},
  reads: true,
  examples: [["schedule list", "all schedules"]],
  async run(context) {
    const { out, clock } = context;
    const { schedules } = await callDaemon(context, "schedules/list", {});
    if (out.json) out.data(schedules);
    else if (schedules.length === 0)
      out.note("there are no schedules", "agentctl schedule add --help shows how to make one");
    else for (const line of scheduleTable(schedules, clock.now(), out.columns)) out.line(line);
    return 0;
  },
});

const show = command({
  name: "show",
  summary: "one schedule, and what its runs are submitted with",
  args: [nameArgument],
  options: {},
  reads: true,
  examples: [["schedule show backup", "when it runs next, and what"]],
  async run(context, [name = ""]) {
    const { out, clock } = context;
    const { schedule } = await callDaemon(context, "schedules/get", { name });
    if (out.json) out.data(schedule);
    else for (const line of scheduleReport(schedule, clock.now())) out.line(line);
    return 0;
  },
});

const pause = command({
  name: "pause",
  summary: "make no more runs until it is resumed; an open run goes on",
  args: [nameArgument],
  options: {},
  examples: [["schedule pause backup", "until agentctl schedule resume backup"]],
  async run(context, [name = ""]) {
    const { schedule, changed } = await callDaemon(context, "schedules/pause", { name });
    if (changed || context.out.json) printSchedule(context, schedule, `schedule ${name} paused`);
    else context.out.note(`schedule ${name} is paused already`);
    return 0;
  },
});

const resume = command({
  name: "resume",
  summary: "submit runs again; runs planned in between are skipped",
  args: [nameArgument],
  options: {},
  examples: [["schedule resume backup", "from its next planned time"]],
  async run(context, [name = ""]) {
    const { schedule, changed } = await callDaemon(context, "schedules/resume", { name });
    const next = nextText(schedule, context.clock.now());
    if (changed || context.out.json)
      printSchedule(context, schedule, `schedule ${name} resumed; next run ${next}`);
    else context.out.note(`schedule ${name} is not paused`);
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "remove a schedule; its tasks stay",
  args: [nameArgument],
  options: {},
  examples: [["schedule remove backup", "no run is made any more"]],
  async run(context, [name = ""]) {
    const { schedule } = await callDaemon(context, "schedules/remove", { name });
    printSchedule(context, schedule, `schedule ${name} removed`);
    return 0;
  },
});

const run = command({
  name: "run",
  summary: "submit one run now; prints its id",
  args: [nameArgument],
  options: {},
  examples: [["schedule run backup", "beside the planned runs"]],
  async run(context, [name = ""]) {
    const { task } = await callDaemon(context, "schedules/run", { name, actor: actor(context) });
    if (context.out.json) context.out.data(task);
    else context.out.line(String(task.id));
    return 0;
  },
});

export const schedule: Group = {
  name: "schedule",
  summary: "schedules: tasks that are submitted again and again, at times of a cron expression",
  commands: [add, list, show, pause, resume, remove, run],
};

function printSchedule({ out }: Context, schedule: ScheduleJson, text: string): void {
  if (out.json) out.data(schedule);
  else out.line(text);
}

function nextText({ paused, nextAt }: ScheduleJson, now: number): string {
  if (paused) return "none while it is paused";
  return nextAt === null ? "never" : `${whenText(nextAt, now)}, ${untilText(nextAt, now)}`;
}

function commandText({ task }: ScheduleJson): string {
  return oneLine(Array.isArray(task.argv) ? shellLine(task.argv as string[]) : String(task.module ?? ""));
}

function lastText({ lastAt, lastTask, lastError }: ScheduleJson, now: number): string {
  if (lastError !== null) return `refused: ${lastError}`;
  return lastAt === null ? "" : `${whenText(lastAt, now)}, task ${lastTask}`;
}

/** Like lastText, but with an age instead of a time, which leaves room for what the schedule runs. */
function shortLastText(entry: ScheduleJson, now: number): string {
  const { lastAt, lastTask, lastError } = entry;
  if (lastAt === null || lastError !== null) return lastText(entry, now);
  return `${ageText(lastAt, now)} ago, task ${lastTask}`;
}

function scheduleTable(
  schedules: readonly ScheduleJson[],
  now: number,
  columns: number | undefined,
): string[] {
  const heads = [
    { title: "NAME", minWidth: 20, isCutLast: true },
    { title: "WHEN", minWidth: 16, isCutLast: true, dropOrder: 1 },
    { title: "ZONE", dropOrder: 4 },
    { title: "NEXT" },
    { title: "LAST", minWidth: 20, dropOrder: 2 },
    { title: "RUNS", minWidth: 10, dropOrder: 3 },
  ];
  const rows = schedules.map((entry) => [
    oneLine(entry.name),
    oneLine(entry.cron),
    entry.tz,
    nextCell(entry, now),
    oneLine(columns === undefined ? lastText(entry, now) : shortLastText(entry, now)),
    commandText(entry),
  ]);
  return tableLines(heads, rows, columns);
}

function nextCell({ paused, nextAt }: ScheduleJson, now: number): string {
  if (paused) return "paused";
  return nextAt === null ? "never" : whenText(nextAt, now);
}

function scheduleReport(entry: ScheduleJson, now: number): string[] {
  const { argv: _, module: __, ...fields } = entry.task;
  const rows: [string, string][] = [
    ["schedule", oneLine(entry.name)],
    ["runs", commandText(entry)],
    ["when", `${oneLine(entry.cron)} in ${entry.tz}`],
    ["next", nextText(entry, now)],
    ["last", oneLine(lastText(entry, now)) || "none so far"],
    ["overlap", entry.overlap],
    ["missed", entry.missed],
    ...(entry.jitterMs > 0 ? [["jitter", formatDuration(entry.jitterMs)] as [string, string]] : []),
    ...submittedOptions(fields, now),
  ];
  const width = Math.max(...rows.map(([key]) => key.length)) + 2;
  return [
    ...rows.map(([key, value]) => `${key.padEnd(width)}${value}`),
    "",
    `its tasks: agentctl list --all --label schedule=${entry.name}`,
  ];
}
