/** A task of agentctl as a task of A2A. */
import {
  type Artifact,
  type Message,
  type Part,
  Role,
  type Task,
  TaskState,
  type TaskStatus,
} from "@a2a-js/sdk";
import type { TaskJson } from "../../../protocol/methods.ts";
import { CONTEXT } from "./agent.ts";

/** The extension with which a task can be paused; its path names its version. */
export const PAUSE_URI = "https://github.com/agentctl/agentctl/blob/main/docs/a2a-pause.md?v=1";

/** Pauses that end by themselves, beside those with a time. */
const PASSING = ["preempted", "shutdown", "limit"];

type State = TaskJson["state"];

const plain: Record<Exclude<State, "suspended">, TaskState> = {
  submitted: TaskState.TASK_STATE_SUBMITTED,
  working: TaskState.TASK_STATE_WORKING,
  resumed: TaskState.TASK_STATE_WORKING,
  "input-required": TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  canceled: TaskState.TASK_STATE_CANCELED,
};

/** Whether a suspended task waits for somebody, and not for a time or a slot. */
function needsSomebody({ pause }: TaskJson): boolean {
  return !pause || (pause.until === null && !PASSING.includes(pause.cause));
}

/** The state as A2A knows it: a paused task waits for input where somebody has to act, else it is working. */
export function stateOf(task: TaskJson, state: State = task.state): TaskState {
  if (state !== "suspended") return plain[state];
  return needsSomebody(task) ? TaskState.TASK_STATE_INPUT_REQUIRED : TaskState.TASK_STATE_WORKING;
}

/** Whether a client that waits is answered now: the task has ended, or somebody has to act. */
export function isSettled(task: TaskJson): boolean {
  const state = stateOf(task);
  return state !== TaskState.TASK_STATE_SUBMITTED && state !== TaskState.TASK_STATE_WORKING;
}

export function contextOf({ uuid, labels }: TaskJson): string {
  return labels[CONTEXT] ?? uuid;
}

/** The status with what a person would be told; `at` is when the state began. */
export function statusOf(task: TaskJson, at = task.updatedAt): TaskStatus {
  const text = saidOf(task);
  const message = text === null ? undefined : said(task, text, at);
  return { state: stateOf(task), message, timestamp: at };
}

/** What the extension says of a paused task. */
export function pauseOf({ state, pause, checkpoint }: TaskJson): Record<string, unknown> | undefined {
  if (state !== "suspended" || !pause) return undefined;
  const { cause, reason, until } = pause;
  return { [PAUSE_URI]: { state, cause, reason, until, checkpoint } };
}

export function taskView(task: TaskJson, history: Message[], artifacts: Artifact[]): Task {
  const metadata = { ...pauseOf(task), agentctl: { id: task.id, state: task.state, attempt: task.attempt } };
  return { id: task.uuid, contextId: contextOf(task), status: statusOf(task), artifacts, history, metadata };
}

function saidOf({ state, question, error, progress, pause }: TaskJson): string | null {
  if (state === "input-required") return question?.prompt ?? null;
  if (state === "failed") return error?.message ?? null;
  if (state === "suspended") return `paused${pause?.reason ? `: ${pause.reason}` : ""}`;
  if (state !== "working" || !progress) return null;
  const { done, total, message } = progress;
  return message ?? (total === null ? String(done) : `${done} of ${total}`);
}

/** What the task itself says. Its id is the same whenever it is asked for. */
function said(task: TaskJson, text: string, at: string): Message {
  return {
    messageId: `${task.uuid}-${Date.parse(at)}`,
    contextId: contextOf(task),
    taskId: task.uuid,
    role: Role.ROLE_AGENT,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

export function textPart(value: string, mediaType = "text/plain", filename = ""): Part {
  return { content: { $case: "text", value }, metadata: undefined, filename, mediaType };
}
