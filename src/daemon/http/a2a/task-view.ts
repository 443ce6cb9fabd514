/** Converts a task of agentctl to a task of A2A. */
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
import { endsByItself, messageOf, pauseOf } from "../../notify/a2a-terms.ts";
import { CONTEXT } from "./agent.ts";

type State = TaskJson["state"];

const a2aStates: Record<Exclude<State, "suspended">, TaskState> = {
  submitted: TaskState.TASK_STATE_SUBMITTED,
  working: TaskState.TASK_STATE_WORKING,
  resumed: TaskState.TASK_STATE_WORKING,
  "input-required": TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  canceled: TaskState.TASK_STATE_CANCELED,
};

/** Returns the state for A2A. A paused task needs input if somebody has to act; otherwise it is working. */
export function stateOf(task: TaskJson, state: State = task.state): TaskState {
  if (state !== "suspended") return a2aStates[state];
  return endsByItself(task) ? TaskState.TASK_STATE_WORKING : TaskState.TASK_STATE_INPUT_REQUIRED;
}

/** Returns whether a waiting client gets its response: the task has ended, or somebody has to act. */
export function isSettled(task: TaskJson): boolean {
  const state = stateOf(task);
  return state !== TaskState.TASK_STATE_SUBMITTED && state !== TaskState.TASK_STATE_WORKING;
}

export function contextOf({ uuid, labels }: TaskJson): string {
  return labels[CONTEXT] ?? uuid;
}

/** Returns the status with the task's message. `at` is when the state began. */
export function statusOf(task: TaskJson, at = task.updatedAt): TaskStatus {
  const text = messageOf(task);
  const message = text === null ? undefined : agentMessage(task, text, at);
  return { state: stateOf(task), message, timestamp: at };
}

export function taskView(task: TaskJson, history: Message[], artifacts: Artifact[]): Task {
  const metadata = { ...pauseOf(task), agentctl: { id: task.id, state: task.state, attempt: task.attempt } };
  return { id: task.uuid, contextId: contextOf(task), status: statusOf(task), artifacts, history, metadata };
}

/** Returns the task's own message. Its id is the same at every request. */
function agentMessage(task: TaskJson, text: string, at: string): Message {
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
