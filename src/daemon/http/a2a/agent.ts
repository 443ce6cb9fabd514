import { AsyncLocalStorage } from "node:async_hooks";
import type { ServerResponse } from "node:http";
import type { EventJson, Method, NewTask, Params, Result, TaskJson } from "../../../protocol/methods.ts";
import type { Caller } from "../../caller.ts";
import { refOf } from "../events.ts";
import { listeningCaller, waitForDrain } from "../http-caller.ts";
import type { Services } from "../services.ts";
import { asA2aError } from "./errors.ts";

/** The actor in the events of a task. */
const ACTOR = "a2a";

/** The label that names a task's conversation. */
export const CONTEXT = "context";

/** The methods of the daemon, for the A2A server. Failures are A2A errors. */
export class Agent {
  readonly services: Services;
  /** The response that is being written, and whether anybody still reads it. */
  readonly request = new AsyncLocalStorage<{ response: ServerResponse; closed: AbortSignal }>();

  constructor(services: Services) {
    this.services = services;
  }

  /** Calls a method on behalf of the current request. */
  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    try {
      return (await this.services.dispatch({ method, params }, this.#caller())) as Result<M>;
    } catch (error) {
      throw asA2aError(error);
    }
  }

  async task(id: string): Promise<TaskJson> {
    return (await this.call("tasks/get", { id: refOf(id) })).task;
  }

  async create(task: NewTask): Promise<TaskJson> {
    return (await this.call("tasks/create", task)).task;
  }

  /** Yields the events of a task after a number, past events first, until the caller is gone. */
  async *events(task: number, after: number): AsyncGenerator<EventJson> {
    const queue: EventJson[] = [];
    let wake = () => {};
    let drain = () => {};
    const signal = this.signal();
    signal.addEventListener("abort", () => {
      wake();
      drain();
    });
    const listener = listeningCaller({
      actor: ACTOR,
      signal,
      onEvent: (event) => {
        queue.push(event);
        wake();
      },
      writable: async () => {
        if (queue.length > 0 && !signal.aborted) await new Promise<void>((resolve) => (drain = resolve));
      },
      end: () => wake(),
    });
    await this.services.dispatch(
      { method: "tasks/subscribe", params: { id: task, after, snapshot: false } },
      listener,
    );
    while (!signal.aborted) {
      const nextEvent = new Promise<void>((resolve) => (wake = resolve));
      yield* queue.splice(0);
      drain();
      if (queue.length === 0) await nextEvent;
    }
  }

  signal(): AbortSignal {
    const { closing } = this.services;
    const request = this.request.getStore();
    return request ? AbortSignal.any([request.closed, closing.signal]) : closing.signal;
  }

  /** Yields what a stream yields, no faster than the client reads it. */
  async *paced<T>(stream: AsyncGenerator<T>): AsyncGenerator<T, void, undefined> {
    const request = this.request.getStore();
    for await (const each of stream) {
      yield each;
      if (request) await waitForDrain(request.response);
    }
  }

  #caller(): Caller {
    const signal = this.signal();
    return { scopes: ["people"], actor: ACTOR, token: null, refusal: null, signal, listener: null };
  }
}
