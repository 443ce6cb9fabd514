/** Texts about a task. */
import { basename } from "node:path";
import type { TaskJson } from "../../protocol/methods.ts";
import { counted } from "./counted.ts";
import { block, oneLine, shellLine } from "./terminal-text.ts";
import { untilText, whenText } from "./when.ts";

/** The fields of a task that these texts and the default columns of a table read. */
export const usualFields = [
  "id",
  "kind",
  "name",
  "state",
  "waiting",
  "argv",
  "module",
  "agent",
  "prompt",
  "queue",
  "slots",
  "slotNumbers",
  "progress",
  "machine",
  "createdAt",
  "startedAt",
  "runMs",
  "pause",
  "moving",
  "checkpoint",
  "question",
  "usage",
  "exitCode",
  "signal",
  "error",
] as const satisfies readonly (keyof TaskJson)[];

/** The fields of a task that all columns read. */
export const listedFields = [
  ...usualFields,
  "priority",
  "labels",
  "attempt",
  "pid",
  "cwd",
  "updatedAt",
  "endedAt",
] as const satisfies readonly (keyof TaskJson)[];

/** A task with only the fields that the usual columns read. */
export type UsualTask = Pick<TaskJson, (typeof usualFields)[number]>;

/** A task with only the fields that a table can show. */
export type ListedTask = Pick<TaskJson, (typeof listedFields)[number]>;

/** Why a task does not move, and the command that changes it. */
export interface Standstill {
  why: string;
  todo: string | null;
}

/** How many characters of a prompt a line shows. */
const PROMPT_CHARS = 200;

/** Returns the command line, module or prompt of a task. */
export function workOf({ argv, module, agent, prompt }: UsualTask): string {
  if (agent) return oneLine(`${agent.name} ${prompt?.slice(0, PROMPT_CHARS) ?? ""}`);
  return argv ? shellLine(argv) : oneLine(module?.path ?? "");
}

/** Returns the name of a task, or else what it runs. */
export function titleOf(task: UsualTask): string {
  return task.name === null ? shortWorkOf(task) : oneLine(task.name);
}

/** Returns what a task runs, with only the file name of a module or program. */
export function shortWorkOf(task: UsualTask): string {
  if (task.agent) return workOf(task);
  if (task.module) return oneLine(basename(task.module.path));
  const [program = "", ...args] = task.argv ?? [];
  return shellLine([basename(program) || program, ...args]);
}

/** What makes the text about a standstill exact, where it is known. */
interface Known {
  /** How many slots the queue has that the task waits for. */
  queueSlots?: number | null;
  /** The options with which the task was submitted. */
  options?: Record<string, unknown>;
}

/** Returns why an open task does not move; null if it does. */
export function standstillOf(task: UsualTask, now: number, known: Known = {}): Standstill | null {
  const { id, waiting, state, pause, moving } = task;
  if (moving) return { why: `is on its way to ${oneLine(moving.to)}`, todo: waysOutOf(id) };
  if (state !== "suspended" && waiting) return waitingText(task, waiting, now, known.queueSlots);
  if (state === "suspended") {
    // A task that resumes automatically shows both who paused it and what it waits for.
    const waitText = waiting && waiting.for !== "time" ? `; ${waitingText(task, waiting, now).why}` : "";
    return { why: `${pauseText(task, now)}${waitText}`, todo: resumeCommand(task, known) };
  }
  if (state === "resumed" && pause) return { why: "waits for a slot to go on", todo: `agentctl pause ${id}` };
  return null;
}

/** Returns the commands that finish or abort a task's move to another home. */
export function waysOutOf(id: number): string {
  return `agentctl move ${id} finishes that, agentctl move ${id} --abort takes it back`;
}

type Waiting = NonNullable<TaskJson["waiting"]>;

function waitingText(
  task: UsualTask,
  { for: cause, on, until }: Waiting,
  now: number,
  queueSlots?: number | null,
): Standstill {
  const { id, queue, question, error } = task;
  const timeText = until === null ? "" : ` until ${whenText(until, now)} (${untilText(until, now)})`;
  switch (cause) {
    case "slot":
    case "slots":
      return slotsText(task, on, queueSlots);
    case "memory":
      return {
        why: "waits for memory: less is available than memory.reserve keeps free",
        todo: "agentctl config get memory.reserve",
      };
    case "queue":
      return { why: `queue ${on ?? queue} is held`, todo: `agentctl queue release ${on ?? queue}` };
    case "hold":
      if (on === "daemon") {
        return { why: "the daemon was started with --hold", todo: "agentctl daemon restart" };
      }
      return { why: "is held", todo: `agentctl release ${id}` };
    case "time":
      return { why: `waits${timeText}`, todo: null };
    case "task":
      return { why: `waits for task ${on}`, todo: `agentctl show ${on}` };
    case "backoff":
      return {
        why: `failed and is tried again${timeText.replace(" until ", " at ")}`,
        todo: error?.name === "InstallationRemoved" ? "agentctl daemon restart" : `agentctl logs ${id}`,
      };
    case "limit":
      return { why: `waits with others at a usage limit of ${on}${timeText}`, todo: null };
    case "machine":
      return { why: `waits for a machine: ${on}`, todo: "agentctl machine list" };
    case "answer":
      return { why: `asks: ${questionText(question)}`, todo: `agentctl answer ${id} <text>` };
  }
}

function slotsText(
  { state, queue, slots, slotNumbers }: UsualTask,
  on: Waiting["on"],
  queueSlots: number | null = null,
): Standstill {
  if (on === "slots.max") {
    const why = `waits for ${slots === 1 ? "a slot" : `${slots} slots`} of all queues together`;
    return { why, todo: "agentctl config set slots.max <n>" };
  }
  if (queueSlots !== null && queueSlots < slots) {
    const why = `needs ${counted(slots, "slot")}, and queue ${queue} has ${queueSlots}`;
    return { why, todo: `agentctl queue set ${queue} --slots ${slots}` };
  }
  // A frozen process knows the numbers of its slots, so it cannot take other ones.
  if (state === "resumed" && slotNumbers !== null) {
    const why = `waits for its own ${slots === 1 ? "slot" : "slots"} ${slotNumbers.join(",")} of queue ${queue}`;
    return { why, todo: `agentctl list --queue ${queue} --state working` };
  }
  const why = `waits for ${slots === 1 ? "a slot" : `${slots} slots at once`} in queue ${queue}`;
  return { why, todo: `agentctl queue list, agentctl queue set ${queue} --slots <n>` };
}

/** Returns the question of a task, with its choices. */
function questionText(question: TaskJson["question"]): string {
  const { prompt = "", choices = null } = question ?? {};
  return oneLine(choices && choices.length > 0 ? `${prompt} (${choices.join(", ")})` : prompt);
}

/** Returns who paused the task, how, and what remains of it, such as a checkpoint. */
export function pauseText({ state, pause, checkpoint, error }: UsualTask, now: number): string {
  if (!pause) return "paused";
  // For a pause that is over, today's checkpoint and the planned time mean nothing.
  const isPaused = state === "suspended";
  const causes: Record<string, string> = {
    user: `paused by ${oneLine(pause.actor)}`,
    until: `paused by ${oneLine(pause.actor)}`,
    preempted: "paused for a task of higher priority",
    shutdown: "paused while the daemon was stopped",
    limit: "paused by a limit",
    budget: "its budget is used up",
    stalled: "it produced no output any more",
    lost: "its process was lost",
    corrupt: "its checkpoint cannot be used",
    mismatch: isSessionGone(error) ? "its session is gone" : "its journal does not fit the module",
  };
  const parts = [
    pause.outcome ?? "",
    isPaused && pause.outcome !== "frozen" && checkpoint ? `checkpoint ${checkpoint.seq}` : "",
    pause.reason && pause.cause !== "shutdown" ? oneLine(pause.reason) : "",
    isPaused && error?.name === "CannotStart" ? oneLine(error.message) : "",
    isPaused && pause.until ? `resumes ${untilText(pause.until, now)}` : "",
  ].filter((part) => part !== "");
  const cause = causes[pause.cause] ?? pause.cause;
  return parts.length === 0 ? cause : `${cause} (${parts.join(", ")})`;
}

const isSessionGone = (error: TaskJson["error"]) => error?.name === "SessionNotFound";

function resumeCommand({ id, kind, checkpoint, pause, error }: UsualTask, { options }: Known): string {
  if (isSessionGone(error)) return `agentctl resume ${id} --from-start`;
  if (pause?.cause === "budget") return `agentctl resume ${id} ${raiseOption(pause.reason)}`;
  if (pause?.cause === "mismatch")
    return `put the module back as it was, or agentctl resume ${id} --module <file>, or --from-start`;
  if (pause?.cause === "corrupt") {
    const validSeq = error?.data?.good;
    return typeof validSeq === "number"
      ? `agentctl resume ${id} --from ${validSeq}`
      : `agentctl resume ${id} --from-start`;
  }
  const isStopped = pause?.outcome === "frozen" && pause.cause !== "lost";
  const continuesItself = kind !== "program" || options?.pauseMode === "checkpoint";
  const canContinue = checkpoint !== null || continuesItself || isStopped;
  return canContinue ? `agentctl resume ${id}` : `agentctl resume ${id} --from-start`;
}

/** Returns the option that raises the reached limit, which the reason of the pause names. */
function raiseOption(reason: string | null): string {
  if (reason?.includes("tokens")) return "--add-tokens <n>";
  return reason?.includes("times") ? "--add-turns <n>" : "--add-cost <usd>";
}

/** Returns whether the reason of the pause is also the message of the error. */
export function isReasonOfPause({ pause, error }: UsualTask): boolean {
  return error !== null && error.message === pause?.reason;
}

/** Returns how a task ended, beyond its state; empty if it completed, or if its current pause says it. */
export function endText(task: UsualTask): string {
  const { state, exitCode, signal, error } = task;
  if (state === "completed" || error?.message === state) return "";
  if (state === "suspended" && isReasonOfPause(task)) return "";
  if (error) return oneLine(block(error.message).split("\n")[0] ?? "");
  if (signal) return `ended by ${signal}`;
  return state === "failed" && exitCode !== null ? `exit code ${exitCode}` : "";
}

/** Returns one line about an ended task. */
export function endLine(task: UsualTask): string {
  const end = endText(task);
  return `task ${task.id} ${task.state}${end === "" ? "" : `: ${end}`}`;
}

/** Up to how many ended tasks have a line each. */
const MAX_SINGLE_LINES = 8;

/**
 * Returns a line for each ended task. Of many, the completed ones share a line, and so do the others after
 * `MAX_SINGLE_LINES`.
 */
export function endLines(tasks: readonly TaskJson[]): string[] {
  if (tasks.length <= MAX_SINGLE_LINES) return tasks.map(endLine);
  const done = tasks.filter(({ state }) => state === "completed");
  const others = tasks.filter(({ state }) => state !== "completed");
  const more = others.slice(MAX_SINGLE_LINES).map(({ id }) => id);
  return [
    ...(done.length > 0 ? [`${done.length} tasks completed`] : []),
    ...others.slice(0, MAX_SINGLE_LINES).map(endLine),
    ...(more.length > 0 ? [`${more.length} more did not complete: ${idsText(more)}`] : []),
  ];
}

const MAX_IDS = 10;

/** Returns the first ids, and how many more there are. */
export function idsText(ids: readonly number[]): string {
  const more = ids.length - MAX_IDS;
  return more <= 0 ? ids.join(", ") : `${ids.slice(0, MAX_IDS).join(", ")} and ${more} more`;
}
