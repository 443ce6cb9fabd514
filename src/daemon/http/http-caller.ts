import type { ServerResponse } from "node:http";
import type { EventJson, NotificationParams } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";

/** Whoever made one request: one of the people of this home, gone when the connection is. */
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

  /** Most methods answer at once and never ask, and a signal costs more than a look into the store. */
  get signal(): AbortSignal {
    this.#signal ??= goneSignal(this.#response);
    return this.#signal;
  }
}

/** Aborted when nobody reads the answer any more. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once("close", () => gone.abort());
  return gone.signal;
}

/** A caller that is told events. `writable` holds them back while its reader is slow: they stay in the store meanwhile. */
export function listeningCaller(options: {
  actor: string;
  signal: AbortSignal;
  take(event: EventJson): void;
  writable(): Promise<void>;
  end(): void;
}): Caller {
  const { actor, signal, take, writable, end } = options;
  return {
    scopes: ["people"],
    actor,
    token: null,
    refusal: null,
    signal,
    listener: {
      subscriptions: 0,
      notify: (method, params) => {
        if (method === "event") take(params as NotificationParams<"event">);
      },
      writable,
      end,
    },
  };
}

/** Resolves when so little waits for the reader that more may be written, or the reader is gone. */
export async function drained(response: ServerResponse): Promise<void> {
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
