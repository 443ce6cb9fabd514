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
import type { KeptFiles } from "./kept.ts";

/** How a client is notified. */
interface Told {
  form: "1.0" | "0.3";
  /** Whether the client is also notified of what has already happened to the task. */
  isWhole: boolean;
}

/** The addresses at which the clients of tasks are notified. */
export class PushConfigs {
  readonly #agent: Agent;
  readonly #kept: KeptFiles;

  constructor(agent: Agent, kept: KeptFiles) {
    this.#agent = agent;
    this.#kept = kept;
  }

  /** Registers an address, or replaces the one with the same id. */
  async set(given: TaskPushNotificationConfig, told: Told): Promise<TaskPushNotificationConfig> {
    if (!/^https?:\/\/[^/]/.test(given.url) || !URL.canParse(given.url)) {
      throw new RequestMalformedError({ message: "url must be an http or https address" });
    }
    const { id, uuid } = await this.#agent.task(given.taskId);
    const config = { ...given, taskId: uuid, id: given.id === "" ? randomUUID() : given.id };
    await this.#kept.change(id, (kept) => {
      kept.push = [...kept.push.filter((each) => each.id !== config.id), config];
    });
    const after = told.isWhole ? await firstEvent(this.#agent, id) : null;
    const entry = {
      task: id,
      id: config.id,
      url: config.url,
      headers: headersOf(config),
      form: told.form,
      after,
    };
    await this.#agent.services.push.put(entry);
    return config;
  }

  async get({ taskId, id }: GetTaskPushNotificationConfigRequest): Promise<TaskPushNotificationConfig> {
    const { push } = await this.#kept.of((await this.#agent.task(taskId)).id);
    const config = id === "" ? push.at(0) : push.find((each) => each.id === id);
    if (config) return config;
    throw new TaskNotFoundError({ message: `task ${taskId} has no push notification config ${id}` });
  }

  async list({
    taskId,
  }: ListTaskPushNotificationConfigsRequest): Promise<ListTaskPushNotificationConfigsResponse> {
    const { push } = await this.#kept.of((await this.#agent.task(taskId)).id);
    return { configs: push, nextPageToken: "" };
  }

  async remove({ taskId, id }: DeleteTaskPushNotificationConfigRequest): Promise<void> {
    const task = await this.#agent.task(taskId);
    await this.#kept.change(task.id, (kept) => {
      kept.push = kept.push.filter((each) => each.id !== id);
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
