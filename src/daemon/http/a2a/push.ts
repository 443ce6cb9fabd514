import { randomUUID } from "node:crypto";
import type {
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  TaskPushNotificationConfig,
} from "@a2a-js/sdk";
import { RequestMalformedError, TaskNotFoundError } from "@a2a-js/sdk/errors";
import type { Agent } from "./agent.ts";
import type { TaskRecords } from "./task-records.ts";

/** How a client is notified. */
interface PushOptions {
  form: "1.0" | "0.3";
  /** Whether the client is also notified of what has already happened to the task. */
  isWhole: boolean;
}

/** The addresses at which the clients of tasks are notified. */
export class PushConfigs {
  readonly #agent: Agent;
  readonly #records: TaskRecords;

  constructor(agent: Agent, records: TaskRecords) {
    this.#agent = agent;
    this.#records = records;
  }

  /** Registers an address, or replaces the one with the same id. */
  async set(input: TaskPushNotificationConfig, options: PushOptions): Promise<TaskPushNotificationConfig> {
    if (!/^https?:\/\/[^/]/.test(input.url) || !URL.canParse(input.url)) {
      throw new RequestMalformedError({ message: "url must be an http or https address" });
    }
    const { id, uuid } = await this.#agent.task(input.taskId);
    const config = { ...input, taskId: uuid, id: input.id === "" ? randomUUID() : input.id };
    await this.#records.change(id, (record) => {
      record.push = [...record.push.filter((each) => each.id !== config.id), config];
    });
    const after = options.isWhole ? await firstEvent(this.#agent, id) : null;
    const entry = {
      task: id,
      id: config.id,
      url: config.url,
      headers: headersOf(config),
      form: options.form,
      after,
    };
    await this.#agent.services.push.put(entry);
    return config;
  }

  async get({ taskId, id }: GetTaskPushNotificationConfigRequest): Promise<TaskPushNotificationConfig> {
    const { push } = await this.#records.read((await this.#agent.task(taskId)).id);
    const config = id === "" ? push.at(0) : push.find((each) => each.id === id);
    if (config) return config;
    throw new TaskNotFoundError({ message: `task ${taskId} has no push notification config ${id}` });
  }

  async list({
    taskId,
  }: ListTaskPushNotificationConfigsRequest): Promise<ListTaskPushNotificationConfigsResponse> {
    const { push } = await this.#records.read((await this.#agent.task(taskId)).id);
    return { configs: push, nextPageToken: "" };
  }

  async remove({ taskId, id }: DeleteTaskPushNotificationConfigRequest): Promise<void> {
    const task = await this.#agent.task(taskId);
    await this.#records.change(task.id, (record) => {
      record.push = record.push.filter((each) => each.id !== id);
    });
    await this.#agent.services.push.drop({ task: task.id, id });
  }
}

/** Returns the number of the event before the task's first. */
async function firstEvent(agent: Agent, id: number): Promise<number> {
  const { task } = await agent.call("tasks/get", { id, details: true });
  return (task.events?.[0]?.seq ?? 1) - 1;
}

/** Returns the headers by which the client recognises its own notifications. */
function headersOf({ token, authentication }: TaskPushNotificationConfig): Record<string, string> {
  const named: Record<string, string> = token === "" ? {} : { "x-a2a-notification-token": token };
  if (!authentication || authentication.credentials === "") return named;
  return { ...named, authorization: `${authentication.scheme || "Bearer"} ${authentication.credentials}` };
}
