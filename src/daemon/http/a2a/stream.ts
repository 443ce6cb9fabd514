/**
 * What a client that follows a task receives. First comes the task as it is, then each change of its state from the
 * event log, mixed with its progress, its log and its artifacts. Because the changes come from the log, a stream that
 * restarts after a restart of the daemon misses only changes that the task itself shows.
 */
import type { Artifact, StreamResponse } from "@a2a-js/sdk";
import { isTerminal } from "../../../core/machine.ts";
import { lastLinesOf } from "../../../home/log-file.ts";
import { LogTail, placeOf } from "../../../home/log-tail.ts";
import type { EventJson, TaskJson } from "../../../protocol/methods.ts";
import { pauseOf } from "../../notify/a2a-terms.ts";
import { openableLogs } from "../openable-logs.ts";
import type { Agent } from "./agent.ts";
import { artifactOf, artifactsOf, filesOf, LOG, resultOf } from "./artifacts.ts";
import type { TaskRecords } from "./task-records.ts";
import { contextOf, isSettled, statusOf, taskView, textPart } from "./task-view.ts";

/** How often we check a running task for progress and new artifacts, which have no events, in ms. */
const POLL_MS = 250;

export interface StreamOptions {
  agent: Agent;
  records: TaskRecords;
  /** The base address of artifacts. */
  base: string;
  /** Whether the stream also ends when somebody has to act, not only with the task. */
  endsSettled: boolean;
}

/** Follows the task until it has ended. */
export async function* follow(options: StreamOptions, first: TaskJson): AsyncGenerator<StreamResponse> {
  const { agent, base, records, endsSettled } = options;
  const { seq } = await agent.call("tasks/get", { id: first.id, details: true }).then(({ task }) => {
    return { seq: task.events?.at(-1)?.seq ?? 0 };
  });
  const current = await agent.task(first.uuid);
  const { history } = await records.read(current.id);
  const clientState = new ClientState(current, await artifactsOf(agent, base, current));
  yield {
    payload: { $case: "task", value: taskView(current, history, [...clientState.artifacts.values()]) },
  };
  if (isTerminal(current.state) || (endsSettled && isSettled(current))) return;
  const updates = new TaskUpdates(agent, current, seq);
  await updates.start();
  try {
    for await (const event of updates) {
      const task = await agent.task(first.uuid);
      yield* changes(options, clientState, task, event, updates);
      const isDone = isTerminal(task.state) || (endsSettled && isSettled(task) && event !== null);
      if (isDone) return;
    }
  } finally {
    updates.stop();
  }
}

/** What the client already knows of the task. */
class ClientState {
  readonly artifacts: Map<string, Artifact>;
  progress: string;
  state: string;

  constructor(task: TaskJson, artifacts: Artifact[]) {
    this.artifacts = new Map(artifacts.map((each) => [each.artifactId, each]));
    this.progress = JSON.stringify(task.progress);
    this.state = task.state;
  }
}

async function* changes(
  { agent, base }: StreamOptions,
  clientState: ClientState,
  task: TaskJson,
  event: EventJson | null,
  updates: TaskUpdates,
): AsyncGenerator<StreamResponse> {
  const hasEnded = isTerminal(task.state);
  if (hasEnded) await updates.drained();
  const log = updates.log();
  if (log !== "")
    yield artifactUpdate(task, artifactOf(LOG, LOG, [textPart(log)]), clientState.artifacts.has(LOG));
  if (log !== "") clientState.artifacts.set(LOG, artifactOf(LOG, LOG, []));
  for (const artifact of [...(await filesOf(agent, base, task)), ...resultOf(task)]) {
    const before = clientState.artifacts.get(artifact.artifactId);
    clientState.artifacts.set(artifact.artifactId, artifact);
    if (JSON.stringify(before) !== JSON.stringify(artifact)) yield artifactUpdate(task, artifact, false);
  }
  const progress = JSON.stringify(task.progress);
  const hasNewProgress = clientState.progress !== progress;
  clientState.progress = progress;
  // If the task has moved on since the event, send only the event's state, not the task's present message.
  if (event?.to && event.to !== task.state) {
    yield statusUpdate(
      { ...task, state: event.to as TaskJson["state"], question: null, error: null },
      event.at,
    );
  } else if (event?.to || hasNewProgress) {
    yield statusUpdate(task, event?.at ?? task.updatedAt);
  }
}

function statusUpdate(task: TaskJson, at: string): StreamResponse {
  const value = {
    taskId: task.uuid,
    contextId: contextOf(task),
    status: statusOf(task, at),
    metadata: pauseOf(task),
  };
  return { payload: { $case: "statusUpdate", value } };
}

function artifactUpdate(task: TaskJson, artifact: Artifact, append: boolean): StreamResponse {
  const place = { taskId: task.uuid, contextId: contextOf(task), metadata: undefined };
  return { payload: { $case: "artifactUpdate", value: { ...place, artifact, append, lastChunk: !append } } };
}

/** Yields each event of a task, and null at intervals, so that the caller checks for changes without events. */
class TaskUpdates implements AsyncIterable<EventJson | null> {
  readonly #agent: Agent;
  readonly #task: TaskJson;
  readonly #after: number;
  readonly #tail: LogTail;
  readonly #decoder = new TextDecoder();
  #log = "";

  constructor(agent: Agent, task: TaskJson, after: number) {
    this.#agent = agent;
    this.#task = task;
    this.#after = after;
    this.#tail = new LogTail(
      async (chunk) => {
        this.#log += this.#decoder.decode(chunk, { stream: true });
      },
      () => undefined,
    );
  }

  /** Starts to follow the log from here. The client already got what the log holds, with the task. */
  async start(): Promise<void> {
    const logs = await this.#logs();
    const last = logs.at(-1);
    if (last) await this.#tail.startAt(last, logs, (await lastLinesOf(placeOf(last), 0)).offset);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EventJson | null> {
    const events = this.#agent.events(this.#task.id, this.#after);
    let next = events.next();
    while (!this.#agent.signal().aborted) {
      const timer = new Timeout(POLL_MS);
      const result = await Promise.race([next, timer.elapsed]);
      timer.stop();
      await this.#update();
      if (!result) yield null;
      else if (result.done) return;
      else {
        next = events.next();
        yield result.value;
      }
    }
  }

  /** Returns what has been printed since the last call. */
  log(): string {
    const log = this.#log;
    this.#log = "";
    return log;
  }

  async drained(): Promise<void> {
    await this.#update();
    await this.#tail.drained();
  }

  stop(): void {
    this.#tail.close();
  }

  async #update(): Promise<void> {
    this.#tail.update(await this.#logs());
  }

  async #logs() {
    const result = await this.#agent.call("logs/path", { id: this.#task.id });
    return openableLogs(result, (params) => this.#agent.call("logs/read", params));
  }
}

class Timeout {
  readonly elapsed: Promise<null>;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.elapsed = new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve(null), ms);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
