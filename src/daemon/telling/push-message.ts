/** What an A2A client is told of a change, without the SDK: in 1.0 a status update, in 0.3 the task. */
import type { Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";

/** Pauses that end by themselves, beside those with a time. */
const PASSING = ["preempted", "shutdown", "limit"];

export function pushMessage(form: "1.0" | "0.3", event: TaskEvent, task: Task | null): object {
  if (!task) return {};
  const { uuid, labels, question, error } = task;
  const contextId = labels.context ?? uuid;
  const state = stateOf(event, task);
  const timestamp = toIso(event.at);
  const text = event.to !== task.state ? null : (question?.prompt ?? error?.message ?? null);
  const said = (parts: object[], role: string, rest: object) =>
    text === null
      ? {}
      : { message: { ...rest, messageId: `${uuid}-${event.seq}`, role, parts, taskId: uuid, contextId } };
  if (form === "0.3") {
    const message = said([{ kind: "text", text }], "agent", { kind: "message" });
    return { kind: "task", id: uuid, contextId, status: { state, timestamp, ...message } };
  }
  const name = `TASK_STATE_${state.toUpperCase().replaceAll("-", "_")}`;
  const status = { state: name, timestamp, ...said([{ text }], "ROLE_AGENT", {}) };
  return { statusUpdate: { taskId: uuid, contextId, status } };
}

function stateOf({ to }: TaskEvent, { pause }: Task): string {
  if (to === "resumed") return "working";
  if (to !== "suspended") return to ?? "working";
  return pause?.until != null || PASSING.includes(pause?.cause ?? "") ? "working" : "input-required";
}
