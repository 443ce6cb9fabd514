/** Builds the push message for an A2A client, without the SDK: in 1.0 a status update, in 0.3 the task. */
import type { Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { Engine } from "../../engine/index.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import { surroundings } from "../views/surroundings.ts";
import { taskJson } from "../views/task-json.ts";
import { endsByItself, messageOf, pauseOf } from "./a2a-terms.ts";

export async function pushMessage(
  engine: Engine,
  form: "1.0" | "0.3",
  event: TaskEvent,
  task: Task | null,
): Promise<object> {
  if (!task) return {};
  const json = taskJson(task, await surroundings(engine, [task]));
  // If the task has moved on since the event, send only the event's state, not the task's present message.
  const current = event.to === json.state ? json : null;
  return message(form, event, json, {
    text: current && messageOf(current),
    metadata: current && pauseOf(current),
  });
}

function message(
  form: "1.0" | "0.3",
  event: TaskEvent,
  task: TaskJson,
  content: { text: string | null; metadata: object | null | undefined },
): object {
  const { uuid, labels } = task;
  const contextId = labels.context ?? uuid;
  const state = stateOf(event, task);
  const timestamp = toIso(event.at);
  const metadata = content.metadata ? { metadata: content.metadata } : {};
  const withMessage = (parts: object[], role: string, rest: object) =>
    content.text === null
      ? {}
      : { message: { ...rest, messageId: `${uuid}-${event.seq}`, role, parts, taskId: uuid, contextId } };
  if (form === "0.3") {
    const messageField = withMessage([{ kind: "text", text: content.text }], "agent", { kind: "message" });
    return { kind: "task", id: uuid, contextId, status: { state, timestamp, ...messageField }, ...metadata };
  }
  const name = `TASK_STATE_${state.toUpperCase().replaceAll("-", "_")}`;
  const status = { state: name, timestamp, ...withMessage([{ text: content.text }], "ROLE_AGENT", {}) };
  return { statusUpdate: { taskId: uuid, contextId, status, ...metadata } };
}

function stateOf({ to }: TaskEvent, task: TaskJson): string {
  if (to === "resumed") return "working";
  if (to !== "suspended") return to ?? "working";
  return endsByItself(task) ? "working" : "input-required";
}
