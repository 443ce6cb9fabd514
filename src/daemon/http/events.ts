/** `GET /events`: every committed change as a server-sent event whose id is the number of the change. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { begin } from "./answer.ts";
import { closeSignal, listeningCaller, waitForDrain } from "./http-caller.ts";
import type { Services } from "./services.ts";

const MAX_FOLLOWERS = 256;
/**
 * How often a comment is sent, in ms. Proxies close silent connections, and only a write reveals that a reader is gone.
 */
const HEARTBEAT_MS = 15_000;

/** Sends events after `?after=<n>` or `Last-Event-ID`, without a gap. Without either, sends only new events. */
export function eventsOf(services: Services) {
  let followers = 0;
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
  ): Promise<void> => {
    if (followers >= MAX_FOLLOWERS)
      throw new AgentctlError("TooMany", { reason: `${MAX_FOLLOWERS} follow the events already` });
    const after = afterOf(request, query);
    const task = query.get("task");
    const signal = AbortSignal.any([closeSignal(response), services.closing.signal]);
    const caller = listeningCaller({
      actor: "user",
      signal,
      onEvent: (event) => response.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`),
      writable: () => waitForDrain(response),
      end: () => response.destroy(),
    });
    const params = {
      snapshot: false,
      ...(after === undefined ? {} : { after }),
      ...(task === null ? {} : { id: refOf(task) }),
    };
    followers++;
    signal.addEventListener("abort", () => {
      followers--;
      clearInterval(heartbeat);
      response.end();
    });
    const heartbeat = setInterval(() => response.write(": \n\n"), HEARTBEAT_MS).unref();
    try {
      await services.dispatch({ method: "tasks/subscribe", params }, caller);
    } catch (error) {
      clearInterval(heartbeat);
      throw error;
    }
    begin(response, 200, { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" });
    response.write(": \n\n");
  };
}

/** Parses a reference to a task: an id is a number; everything else is a uuid or a name. */
export function refOf(text: string): number | string {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
}

/** A browser that reconnects says in a header how far it has read, so the header overrides the address. */
function afterOf({ headers }: IncomingMessage, query: URLSearchParams): number | undefined {
  const header = headers["last-event-id"];
  const [field, value] =
    header === undefined || header === "" ? ["after", query.get("after")] : ["Last-Event-ID", String(header)];
  if (value === null) return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new AgentctlError("InvalidParams", { field, reason: "must be the number of an event" });
}
