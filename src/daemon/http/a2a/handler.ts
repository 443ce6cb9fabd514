/** The methods of A2A over the store and the event log. */
import type {
  AgentCard,
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  ListTasksRequest,
  ListTasksResponse,
  Message,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
  TaskPushNotificationConfig,
} from "@a2a-js/sdk";
import { RequestMalformedError, UnsupportedOperationError } from "@a2a-js/sdk/errors";
import type { A2ARequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import { isTerminal } from "../../../core/machine.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { Agent } from "./agent.ts";
import { artifactsOf } from "./artifacts.ts";
import { cardOf } from "./card.ts";
import { listTasks } from "./list.ts";
import { PushConfigs } from "./push.ts";
import { deliver } from "./send.ts";
import { follow } from "./stream.ts";
import type { TaskRecords } from "./task-records.ts";
import { isSettled, taskView } from "./task-view.ts";

export class Handler implements A2ARequestHandler {
  readonly #agent: Agent;
  readonly #records: TaskRecords;
  readonly #push: PushConfigs;
  readonly #base: () => string;

  constructor(agent: Agent, records: TaskRecords, base: () => string) {
    this.#agent = agent;
    this.#records = records;
    this.#push = new PushConfigs(agent, records);
    this.#base = base;
  }

  async getAgentCard(): Promise<AgentCard> {
    return cardOf(this.#agent.services, this.#base());
  }

  async getAuthenticatedExtendedAgentCard(): Promise<AgentCard> {
    return await this.getAgentCard();
  }

  /** Responds when the task has ended or somebody has to act, or at once if the client asks for that. */
  async sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    const { configuration } = params;
    const limit = lengthOf(configuration?.historyLength);
    const sent = await this.#deliver(params, context);
    const task = configuration?.returnImmediately ? sent : await this.#waitUntilSettled(sent);
    return await this.#view(task, limit);
  }

  async *sendMessageStream(
    params: SendMessageRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    const task = await this.#deliver(params, context);
    yield* this.#follow(task, true);
  }

  async *resubscribe({ id }: SubscribeToTaskRequest): AsyncGenerator<StreamResponse, void, undefined> {
    const task = await this.#agent.task(id);
    if (isTerminal(task.state)) {
      throw new UnsupportedOperationError({
        message: `task ${task.uuid} is ${task.state}: nothing more happens to it`,
      });
    }
    yield* this.#follow(task, false);
  }

  async getTask({ id, historyLength }: GetTaskRequest): Promise<Task> {
    const limit = lengthOf(historyLength);
    return await this.#view(await this.#agent.task(id), limit);
  }

  async listTasks(params: ListTasksRequest): Promise<ListTasksResponse> {
    const limit = lengthOf(params.historyLength) ?? 0;
    const { tasks, ...page } = await listTasks(this.#agent, params);
    const views = tasks.map((task) => this.#view(task, limit, params.includeArtifacts === true));
    return { tasks: await Promise.all(views), ...page };
  }

  async cancelTask({ id }: CancelTaskRequest): Promise<Task> {
    const { id: taskId } = await this.#agent.task(id);
    const { task } = await this.#agent.call("tasks/cancel", { id: taskId });
    return await this.#view(task);
  }

  async createTaskPushNotificationConfig(
    config: TaskPushNotificationConfig,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return await this.#push.set(config, { form: formOf(context), isWhole: false });
  }

  async getTaskPushNotificationConfig(
    params: GetTaskPushNotificationConfigRequest,
  ): Promise<TaskPushNotificationConfig> {
    return await this.#push.get(params);
  }

  async listTaskPushNotificationConfigs(
    params: ListTaskPushNotificationConfigsRequest,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return await this.#push.list(params);
  }

  async deleteTaskPushNotificationConfig(params: DeleteTaskPushNotificationConfigRequest): Promise<void> {
    await this.#push.remove(params);
  }

  async #deliver(params: SendMessageRequest, context: ServerCallContext): Promise<TaskJson> {
    const task = await deliver(this.#agent, this.#records, params);
    const config = params.configuration?.taskPushNotificationConfig;
    if (config)
      await this.#push.set(
        { ...config, taskId: task.uuid },
        { form: formOf(context), isWhole: params.message?.taskId === "" },
      );
    return task;
  }

  async #waitUntilSettled(sent: TaskJson): Promise<TaskJson> {
    let task = sent;
    // A task that was resumed or answered no longer waits, so it is not settled.
    while (!isSettled(task) && !this.#agent.signal().aborted) {
      const isTemporary = task.state === "suspended";
      const until = (
        isTemporary ? ["resumed", "working"] : ["input-required", "suspended"]
      ) as TaskJson["state"][];
      task = (await this.#agent.call("tasks/wait", { id: task.id, until, timeoutMs: 60_000 })).task;
    }
    return task;
  }

  #follow(task: TaskJson, endsSettled: boolean): AsyncGenerator<StreamResponse> {
    return this.#agent.paced(
      follow({ agent: this.#agent, records: this.#records, base: this.#base(), endsSettled }, task),
    );
  }

  async #view(task: TaskJson, limit?: number, withArtifacts = true): Promise<Task> {
    const { history } = limit === 0 ? { history: [] } : await this.#records.read(task.id);
    const artifacts = withArtifacts ? await artifactsOf(this.#agent, this.#base(), task) : [];
    return taskView(task, limit === undefined ? history : history.slice(-limit || history.length), artifacts);
  }
}

function formOf({ requestedVersion }: ServerCallContext): "1.0" | "0.3" {
  return requestedVersion.startsWith("1") ? "1.0" : "0.3";
}

function lengthOf(length: number | undefined): number | undefined {
  if (length === undefined || length >= 0) return length;
  throw new RequestMalformedError({ message: "historyLength may not be negative" });
}
