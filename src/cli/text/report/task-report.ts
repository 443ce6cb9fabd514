import { formatDuration } from "../../../core/time.ts";
import type { Result } from "../../../protocol/methods.ts";
import { agentRows, worktreeRows } from "../agent-text.ts";
import { progressText } from "../columns.ts";
import { counted } from "../counted.ts";
import type { Paint } from "../paint.ts";
import { fitted, tableLines, textWidth } from "../table.ts";
import { endText, isReasonOfPause, pauseText, standstillOf, titleOf, workOf } from "../task-text.ts";
import { block, oneLine } from "../terminal-text.ts";
import { sizeText, untilText, whenText } from "../when.ts";
import { submittedOptions } from "./submission-options.ts";
import { timeLine } from "./time-line.ts";

type Detailed = Result<"tasks/get">["task"];

/** How many of the newest events, steps and checkpoints are shown: these lists are the longest. */
const MAX_ENTRIES = 20;

/** How wide the title in the heading is at most in a pipe, and at least on a narrow terminal. */
const TITLE_WIDTH = { inPipe: 60, min: 12 };

/** A task with its details, and how many slots its queue has, if it waits for these. */
type Reported = Detailed & { queueSlots?: number | null };

/**
 * Returns everything about a task, the most important first: its state, why it waits, and what to do. Without `columns`
 * it is for a pipe.
 */
export function taskReport(task: Reported, now: number, paint: Paint, columns?: number): string[] {
  const lines = [
    ...headline(task, now, paint, columns),
    "",
    ...propertyRows(task, now).map(([key, text]) => row(key, text, paint)),
  ];
  const lists: [string, string[][]][] = [
    ["Time line", timeLine(task, now)],
    [
      "Running",
      (task.activity?.running ?? []).map(({ name, startedAt }) => [
        oneLine(name),
        `since ${whenText(startedAt, now)}`,
      ]),
    ],
    ["Checkpoints", checkpointLines(task, now)],
    ["Steps", stepLines(task, now)],
    ["Events", eventLines(task, now)],
  ];
  for (const [title, entries] of lists) {
    if (entries.length === 0) continue;
    lines.push("", paint.strong(title), ...newestLines(entries).map((entry) => `  ${entry}`));
  }
  return lines;
}

function headline(task: Reported, now: number, paint: Paint, columns: number | undefined): string[] {
  const { state } = task;
  const lines = heading(task, paint, columns);
  const standstill = standstillOf(task, now, task);
  if (standstill) {
    lines.push(`  ${standstill.why}`);
    if (standstill.todo) lines.push(`  ${paint.command(standstill.todo)}`);
  }
  const { why, todo } = activityText(task, now);
  if (why !== "") lines.push(`  ${why}`);
  if (todo !== "") lines.push(`  ${paint.command(todo)}`);
  if (state === "failed") lines.push(`  ${endText(task)}`, `  ${paint.command(afterFailure(task))}`);
  return lines;
}

/** Returns what the daemon is doing to a running task, and the command that ends it at once. */
function activityText({ id, activity }: Detailed, now: number): { why: string; todo: string } {
  const deadline = activity?.deadline ?? null;
  const killText =
    deadline === null ? "" : `; it is killed at ${whenText(deadline, now)} (${untilText(deadline, now)})`;
  switch (activity?.doing) {
    case "pause":
      return { why: `is being paused${killText}`, todo: `agentctl pause ${id} --grace 0s` };
    case "cancel":
      return { why: "is being canceled", todo: `agentctl cancel ${id} --grace 0s` };
    case "timeout":
      return { why: "has run out of time, and is being ended", todo: "" };
    case "leave":
      return { why: "ends its process, and continues after its sleep or its question", todo: "" };
    default:
      return { why: "", todo: "" };
  }
}

/**
 * Returns a short title with the state, which is always in the first line. The rows below show all that the task runs.
 */
function heading(task: Detailed, paint: Paint, columns: number | undefined): string[] {
  const { id, state, attempt, pid, machine } = task;
  const isLive = state === "working" && pid !== null;
  const live = isLive ? `attempt ${attempt}, pid ${pid}${machine ? ` on ${machine}` : ""}` : "";
  const line = (title: string, suffix: string) =>
    `${paint.strong(`task ${id}`)} ${title}: ${paint.state(state)}${suffix}`;
  const titleRoom = (text: string) =>
    columns === undefined ? TITLE_WIDTH.inPipe : columns - textWidth(`task ${id} : ${state}${text}`);
  const suffix = live === "" ? "" : `, ${live}`;
  const title = titleOf(task);
  const hasRoom = titleRoom(suffix) >= Math.min(TITLE_WIDTH.min, textWidth(title));
  if (hasRoom) return [line(fitted(title, titleRoom(suffix)), suffix)];
  const short = fitted(title, Math.max(TITLE_WIDTH.min, titleRoom("")));
  return [line(short, ""), ...(live === "" ? [] : [`  ${live}`])];
}

/** Returns the command that helps after a failure. A task that never started has printed nothing. */
function afterFailure({ id, kind, error, checkpoint, steps }: Detailed): string {
  if (error?.name === "DependencyFailed") return `agentctl show ${error.data?.on}`;
  const canContinue = kind !== "agent" && (checkpoint !== null || (steps?.length ?? 0) > 0);
  if (error?.name !== "CannotStart")
    return canContinue ? `agentctl logs ${id}, agentctl rerun ${id} --continue` : `agentctl logs ${id}`;
  const rerun = `agentctl rerun ${id}`;
  // A plain rerun would fail in the same way.
  return kind === "program" ? `agentctl rerun ${id} -- <program>, or when it can start: ${rerun}` : rerun;
}

function row(key: string, text: string, paint: Paint): string {
  const [first = "", ...rest] = text.split("\n");
  return [`${paint.faint(key.padEnd(12))}${first}`, ...rest.map((line) => `${" ".repeat(12)}${line}`)].join(
    "\n",
  );
}

function propertyRows(task: Detailed, now: number): [string, string][] {
  const { error, result, question, pause, checkpoint, labels } = task;
  const timeText = (iso: string | null) => (iso === null ? "" : whenText(iso, now));
  const rows: [string, string][] = [
    ["runs", workOf(task)],
    ["name", task.name ?? ""],
    ["in", oneLine(task.cwd)],
    ["queue", queueText(task)],
    ["machine", task.machine ?? ""],
    [
      "labels",
      Object.entries(labels)
        .map(([key, text]) => `${oneLine(key)}=${oneLine(text)}`)
        .join(" "),
    ],
    [
      "after",
      task.after.map(({ id, when }) => `task ${id}${when === "completed" ? "" : ` (${when})`}`).join(", "),
    ],
    ["limits", limitsText(task)],
    ["input", task.input === null || task.input === undefined ? "" : block(task.input)],
    ["options", optionsText(task, now)],
    ...agentRows(task),
    ...worktreeRows(task),
    ["progress", progressText(task)],
    ["submitted", timeText(task.createdAt)],
    ["started", timeText(task.startedAt)],
    ["ended", timeText(task.endedAt)],
    ["ran", task.startedAt === null ? "" : formatDuration(task.runMs)],
    ["uses", usageText(task)],
    ["paused for", task.pausedMs === 0 ? "" : formatDuration(task.pausedMs)],
    ["question", question ? block(question.prompt) : ""],
    ["choices", question?.choices ? question.choices.map(oneLine).join(", ") : ""],
    ["will pause", plannedText(task, now)],
    ["last pause", pause ? `${pauseText(withoutReason(task), now)}, ${timeText(pause.at)}` : ""],
    [
      "checkpoint",
      checkpoint ? `${checkpoint.seq}, ${sizeText(checkpoint.size)}, ${timeText(checkpoint.createdAt)}` : "",
    ],
    ["exit code", task.exitCode === null ? "" : `${task.exitCode}${task.signal ? ` (${task.signal})` : ""}`],
    ["error", error ? block(errorText(error)) : ""],
    ["result", result === null || result === undefined ? "" : block(JSON.stringify(result, undefined, 2))],
    ["uuid", task.uuid],
  ];
  return rows.filter(([, text]) => text !== "");
}

function queueText({ queue, priority, slots, slotNumbers }: Detailed): string {
  const parts = [
    queue,
    priority === 0 ? "" : `priority ${priority}`,
    slots === 1 ? "" : `${slots} slots`,
    slotNumbers === null ? "" : `number ${slotNumbers.join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** Returns the requested limits: how often and how long the task may run. */
function limitsText({ retries, backoffMs, timeoutMs, attemptTimeoutMs, nice }: Detailed): string {
  const parts = [
    retries === 0
      ? ""
      : `${counted(retries, "retry", "retries")}, back-off from ${formatDuration(backoffMs)}`,
    timeoutMs === null ? "" : `${formatDuration(timeoutMs)} in all`,
    attemptTimeoutMs === null ? "" : `${formatDuration(attemptTimeoutMs)} an attempt`,
    nice === null ? "" : `nice ${nice}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** Returns the options of the submission that are not the usual ones. */
function optionsText({ options = {} }: Detailed, now: number): string {
  return submittedOptions(options, now)
    .map(([name, text]) => `${name}=${text}`)
    .join(" ");
}

/** Returns what the task's processes use now. */
function usageText({ tree }: Detailed): string {
  if (!tree) return "";
  const { processes, cpuMs, memoryBytes } = tree;
  const count = counted(processes, "process", "processes");
  return `${sizeText(memoryBytes)} of memory in ${count}, ${formatDuration(Math.round(cpuMs / 100) * 100)} of CPU time`;
}

function errorText({ name, message }: NonNullable<Detailed["error"]>): string {
  return message.toLowerCase().startsWith(name.toLowerCase()) ? message : `${name}: ${message}`;
}

/** Removes the reason of the pause if the row of the error shows it already. */
function withoutReason(task: Detailed): Detailed {
  return task.pause && isReasonOfPause(task) ? { ...task, pause: { ...task.pause, reason: null } } : task;
}

function plannedText({ id, plannedPause }: Detailed, now: number): string {
  if (!plannedPause) return "";
  const { at, until, reason } = plannedPause;
  const parts = [
    until ? `until ${whenText(until, now)}` : "",
    reason ? oneLine(reason) : "",
    `agentctl pause ${id} --at never takes it back`,
  ];
  return `${whenText(at, now)} (${parts.filter((part) => part !== "").join(", ")})`;
}

function checkpointLines({ checkpoints = [] }: Detailed, now: number): string[][] {
  return checkpoints.map(({ seq, size, createdAt, label, attempt, superseded }) => {
    const more = [label ? oneLine(label) : "", superseded ? "superseded" : ""].filter(Boolean).join(", ");
    return [`${seq}`, whenText(createdAt, now), sizeText(size), `attempt ${attempt}`, more];
  });
}

function stepLines({ steps = [] }: Detailed, now: number): string[][] {
  return steps.map(({ name, n, startedAt, endedAt, size, unused }) => {
    const duration = formatDuration(Date.parse(endedAt) - Date.parse(startedAt));
    return [
      whenText(endedAt, now),
      `${oneLine(name)}${n > 0 ? ` (${n + 1})` : ""}`,
      `${duration}, ${sizeText(size)}${unused ? ", not asked for again since the resume" : ""}`,
    ];
  });
}

function eventLines({ events = [] }: Detailed, now: number): string[][] {
  return events.map(({ seq, at, from, to, cause, actor, attempt }) => {
    const move = from === to ? (to ?? "") : `${from ?? "–"} → ${to ?? "–"}`;
    const origin = `${cause}, ${oneLine(actor)}${attempt ? `, attempt ${attempt}` : ""}`;
    return [`${seq}`, whenText(at, now), move, origin];
  });
}

/** Returns the newest entries in aligned columns; only numbers are aligned to the right. */
function newestLines(entries: string[][]): string[] {
  const hidden = Math.max(0, entries.length - MAX_ENTRIES);
  const shown = entries.slice(hidden);
  const columns = (shown[0] ?? []).map((cell) => ({ title: "", isRight: /^\d+$/.test(cell) }));
  const lines = tableLines(columns, shown, undefined).slice(1);
  return hidden === 0 ? lines : [`… ${hidden} older, with --json`, ...lines];
}
