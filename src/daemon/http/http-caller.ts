import type { ServerResponse } from "node:http";
import type { EventJson, NotificationParams } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";

/** Returns the caller of one request: a user of this home, who is gone when the connection is. */
export function callerOf(response: ServerResponse, actor: string): Caller {
  return new RequestCaller(response, actor);
}

const PEOPLE = ["people"] as const;

class RequestCaller implements Caller {
  readonly scopes = PEOPLE;
  readonly actor: string;
  readonly listener = null;
  readonly refusal = null;
  token: string | null = null;
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;

  constructor(response: ServerResponse, actor: string) {
    this.actor = actor;
    this.#response = response;
  }

  /** Made at first use. Most methods respond at once without it, and a signal costs more than a query to the store. */
  get signal(): AbortSignal {
    this.#signal ??= closeSignal(this.#response);
    return this.#signal;
  }
}

/** Returns a signal that is aborted when nobody reads the response any more. */
export function closeSignal(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  if (response.destroyed) closed.abort();
  response.once("close", () => closed.abort());
  return closed.signal;
}

/** Returns a caller that receives events. While `writable` waits for a slow reader, the events stay in the store. */
export function listeningCaller(options: {
  actor: string;
  signal: AbortSignal;
  onEvent(event: EventJson): void;
  writable(): Promise<void>;
  end(): void;
}): Caller {
  const { actor, signal, onEvent, writable, end } = options;
  return {
    scopes: ["people"],
    actor,
    token: null,
    refusal: null,
    signal,
    listener: {
      subscriptions: 0,
      notify: (method, params) => {
        if (method === "event") onEvent(params as NotificationParams<"event">);
      },
      writable,
      end,
    },
  };
}

/** Resolves when the reader has read enough for more to be written, or is gone. */
export async function waitForDrain(response: ServerResponse): Promise<void> {
  if (!response.writableNeedDrain || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.once("drain", done);
    response.once("close", done);
  });
}
