/** `/a2a` and the agent card, by a file of `dist/` that is loaded at the first request. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Services } from "./services.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** `base` is the address that clients reach this server by. */
export function a2aOf(
  services: Services,
  base: () => string,
): {
  /** What is below `/a2a`. */
  answer: Answer;
  card: Answer;
  /** `/a2a` itself: JSON-RPC, and for who only looks the card. */
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
