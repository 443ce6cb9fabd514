/** What a message does: it starts a task, answers a question, resumes a task, or goes to a running one. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Message, Role, type SendMessageRequest } from "@a2a-js/sdk";
import { RequestMalformedError, UnsupportedOperationError } from "@a2a-js/sdk/errors";
import { isTerminal } from "../../../core/machine.ts";
import type { NewTask, TaskJson } from "../../../protocol/methods.ts";
import { type Agent, CONTEXT } from "./agent.ts";
import type { TaskRecords } from "./task-records.ts";
import { contextOf } from "./task-view.ts";

/** Delivers a message as the state of its task requires. Returns the task. */
export async function deliver(
  agent: Agent,
  records: TaskRecords,
  request: SendMessageRequest,
): Promise<TaskJson> {
  const { message } = request;
  if (!message) throw new RequestMalformedError({ message: "message is required" });
  if (message.messageId === "") throw new RequestMalformedError({ message: "message.messageId is required" });
  if (message.parts.length === 0)
    throw new RequestMalformedError({ message: "message.parts may not be empty" });
  const task = message.taskId === "" ? await startTask(agent, message) : await continueTask(agent, message);
  const stored = { ...message, taskId: task.uuid, contextId: contextOf(task), role: Role.ROLE_USER };
  await records.change(task.id, ({ history }) => history.push(stored));
  return task;
}

async function startTask(agent: Agent, message: Message): Promise<TaskJson> {
  const { run } = agent.services.settings.a2a;
  if (!run) {
    throw new UnsupportedOperationError({
      message: "config.json has no a2a.run: nothing can be started by a message",
    });
  }
  const contextId = message.contextId === "" ? randomUUID() : message.contextId;
  const text = textOf(message);
  const input = { message: Message.toJSON({ ...message, contextId }), text, contextId };
  const labels = { ...(run.labels as Record<string, string> | undefined), [CONTEXT]: contextId };
  const submit = async (work: object) => await agent.create({ ...run, ...work, labels } as NewTask);
  if (run.module !== undefined) return await submit({ input });
  if (run.agent !== undefined) return await submit({ prompt: text });
  return await withFile(JSON.stringify(input), (copy) => submit({ stdin: { copy } }));
}

/** A program reads the message on stdin. Submission copies the file, so it is then removed. */
async function withFile<T>(text: string, work: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "agentctl-"));
  try {
    const path = join(folder, "message.json");
    await writeFile(path, text, { mode: 0o600 });
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function continueTask(agent: Agent, message: Message): Promise<TaskJson> {
  const task = await agent.task(message.taskId);
  const { id, state } = task;
  if (message.contextId !== "" && message.contextId !== contextOf(task)) {
    throw new RequestMalformedError({
      message: `task ${task.uuid} is of another context, ${contextOf(task)}`,
    });
  }
  if (isTerminal(state)) {
    throw new UnsupportedOperationError({
      message: `task ${task.uuid} is ${state}: it takes no more messages`,
    });
  }
  const text = textOf(message);
  if (state === "input-required") return (await agent.call("tasks/answer", { id, text })).task;
  if (state === "suspended") {
    // A task that takes no messages is still resumed.
    await agent.call("tasks/send", { id, text }).catch(() => undefined);
    await agent.call("tasks/resume", { id });
    return await agent.task(task.uuid);
  }
  await agent.call("tasks/send", { id, text });
  return task;
}

/** Returns the text parts, joined. Without text, returns the data as JSON, for programs that read only text. */
function textOf({ parts }: Message): string {
  const contents = parts.map(({ content }) => content);
  const texts = contents.flatMap((content) => (content?.$case === "text" ? [content.value] : []));
  const data = contents.flatMap((content) =>
    content?.$case === "data" ? [JSON.stringify(content.value)] : [],
  );
  return (texts.length > 0 ? texts : data).filter((text) => text !== "").join("\n");
}
