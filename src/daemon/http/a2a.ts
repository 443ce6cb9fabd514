/** `/a2a` and the agent card, by a file of `dist/` that is loaded at the first request. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Services } from "./services.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Returns the handlers. `base` is the address at which clients reach this server. */
export function a2aOf(
  services: Services,
  base: () => string,
): {
  /** Responds below `/a2a`. */
  answer: Answer;
  card: Answer;
  /** Responds at `/a2a` itself: JSON-RPC, or the card for a client that only looks there. */
  root: Answer;
} {
  let loading: Promise<{ answer: Answer; card: Answer }> | null = null;
  const load = async () => {
    const file = join(services.assets, "a2a.cjs");
    const { a2aServer } = (await import(file)) as typeof import("./a2a/serve.ts");
    return a2aServer(services, base);
  };
  const server = () => {
    loading ??= load();
    return loading;
  };
  const answer: Answer = async (request, response) => await (await server()).answer(request, response);
  const card: Answer = async (request, response) => await (await server()).card(request, response);
  const root: Answer = (request, response) => (request.method === "GET" ? card : answer)(request, response);
  return { answer, card, root };
}
