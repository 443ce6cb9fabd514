/**
 * A2A 1.0 and 0.3: JSON-RPC on `POST /a2a`, REST below it, and the agent card. The SDK parses requests and writes
 * responses, through Express, and `handler.ts` carries them out. The SDK does not know the pause extension's methods,
 * so they are handled before it. This is a separate file in `dist/`, loaded at the first request.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentCard, Task } from "@a2a-js/sdk";
import { LegacyJsonRpcTransportHandler, toLegacyHTTPError } from "@a2a-js/sdk/compat/v0_3/server";
import {
  ContentTypeNotSupportedError,
  restStatusFor,
  toJsonRpcError,
  toRestErrorBody,
} from "@a2a-js/sdk/errors";
import { ServerCallContext } from "@a2a-js/sdk/server";
import { jsonRpcHandler, restHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import express from "express";
import { AgentctlError } from "../../../core/errors.ts";
import { sendJson } from "../answer.ts";
import { jsonOf } from "../body.ts";
import { closeSignal } from "../http-caller.ts";
import type { Services } from "../services.ts";
import { Agent } from "./agent.ts";
import { asA2aError } from "./errors.ts";
import { Handler } from "./handler.ts";
import { pauseOrResume, pauseVerb } from "./pause.ts";
import { TaskRecords } from "./task-records.ts";

interface Exchange {
  request: IncomingMessage & { body?: unknown };
  response: ServerResponse;
  path: string;
}

/** Passes a request to the SDK. */
type ToSdk = (exchange: Exchange) => Promise<void>;

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** How long clients cache the card. */
const CARD_CACHE = "public, max-age=60";

const LEGACY_CARD_METHOD = "agent/getAuthenticatedExtendedCard";

/** Returns the functions that respond below `/a2a`, and to requests for the card. */
export function a2aServer(services: Services, base: () => string): { answer: Answer; card: Answer } {
  const agent = new Agent(services);
  const handler = new Handler(agent, new TaskRecords(services.paths), base);
  const app = appOf(handler);
  const toSdk: ToSdk = ({ request, response }) =>
    new Promise<void>((resolve) => {
      response.once("close", resolve);
      app(request as never, response as never);
    });
  const answer: Answer = async (request, response) => {
    const exchange = { request, response, path: (request.url ?? "/").split("?")[0] as string };
    await agent.request.run({ response, closed: closeSignal(response) }, async () => {
      if (!(await readBody(exchange))) return;
      if (!(await answerPause(agent, handler, exchange, toSdk))) await toSdk(exchange);
    });
  };
  // The SDK would write a card of 1.0 in its own form, not in the protocol's.
  const card: Answer = async (request, response) => {
    const current = AgentCard.toJSON(await handler.getAgentCard()) as Record<string, object>;
    const json = isLegacy(request)
      ? mergeCards(await legacyResult(handler, LEGACY_CARD_METHOD, {}), current)
      : current;
    const etag = `"${createHash("sha256").update(JSON.stringify(json)).digest("base64url")}"`;
    sendJson(response, 200, json, { Vary: "A2A-Version", ETag: etag, "Cache-Control": CARD_CACHE });
  };
  return { answer, card };
}

function appOf(handler: Handler): express.Express {
  const app = express();
  app.disable("x-powered-by");
  const options = {
    requestHandler: handler,
    userBuilder: UserBuilder.noAuthentication,
    legacyCompat: { enabled: true },
  };
  app.use((_, response, next) => {
    // The protocol registers its own media type, but its clients look for JSON.
    const set = response.setHeader.bind(response);
    response.setHeader = (name, value) =>
      set(name, String(value).startsWith("application/a2a+json") ? "application/json" : value);
    next();
  });
  const rpc = jsonRpcHandler(options);
  // A router for `/a2a` would also match the paths below it.
  app.use("/a2a", (request, response, next) =>
    request.path === "/" ? rpc(request, response, next) : next(),
  );
  // 0.3 lists no tasks over REST. 1.0 would take `v1` for a tenant.
  app.get("/a2a/v1/tasks", sendNotFound);
  app.use("/a2a", restHandler(options));
  app.use(sendNotFound);
  return app;
}

function sendNotFound({ path }: express.Request, response: express.Response): void {
  const message = `there is nothing at ${path}`;
  response.status(404).json({ error: { code: 404, status: "NOT_FOUND", message, details: [] } });
}

/** Reads a JSON body. Responds to a wrong body and returns false, or leaves JSON-RPC of another type to the SDK. */
async function readBody({ request, response, path }: Exchange): Promise<boolean> {
  if (request.method !== "POST") return true;
  const type = request.headers["content-type"] ?? "application/json";
  if (!/^application\/(?:a2a\+)?json\b/i.test(type)) {
    if (isRpc(path)) return true;
    const error = new ContentTypeNotSupportedError({
      message: `the content type ${type} is not taken, JSON is`,
    });
    sendJson(response, 415, toRestErrorBody(error, 415));
    return false;
  }
  try {
    const { "content-length": length, "transfer-encoding": encoding } = request.headers;
    const isEmpty = length === "0" || (length === undefined && encoding === undefined);
    // A REST method may have no parameters, but a JSON-RPC call is never empty.
    if (isRpc(path)) request.body = withParams(await jsonOf(request));
    else request.body = isEmpty ? {} : await jsonOf(request);
    return true;
  } catch (error) {
    if (!(error instanceof AgentctlError) || error.name !== "ParseError") throw error;
    const { code, message } = error;
    if (isRpc(path)) sendJson(response, 200, { jsonrpc: "2.0", id: null, error: { code, message } });
    else sendJson(response, 400, { error: { code: 400, status: "INVALID_ARGUMENT", message, details: [] } });
    return false;
  }
}

/** Adds `params`, which JSON-RPC lets callers omit. The SDK rejects any call without them. */
function withParams(body: unknown): unknown {
  const isCall = typeof body === "object" && body !== null && "method" in body;
  return isCall && !("params" in body) ? { ...body, params: {} } : body;
}

function isRpc(path: string): boolean {
  return path === "/a2a" || path === "/a2a/";
}

/** Responds to a method of the pause extension. Returns false for any other method. */
async function answerPause(
  agent: Agent,
  handler: Handler,
  exchange: Exchange,
  toSdk: ToSdk,
): Promise<boolean> {
  const { request, path } = exchange;
  if (request.method !== "POST") return false;
  const [, legacy, id, verb] = /^\/a2a(\/v1)?\/tasks\/([^/:]+):(pause|resume)$/.exec(path) ?? [];
  if (id !== undefined) {
    const params = { ...(request.body as object), id: decodeURIComponent(id) };
    const work = () => pauseOrResume(agent, handler, verb as "pause", params);
    await (legacy === undefined ? answerRest(exchange, work) : answerLegacyRest(exchange, work, toSdk));
    return true;
  }
  const { method, id: callId = null, params } = (request.body ?? {}) as Record<string, unknown>;
  if (isRpc(path) && typeof method === "object" && method !== null) {
    // The test kit of 0.3 wants "no such method" here. The SDK would not accept it as a request.
    const error = { code: -32601, message: "there is no such method" };
    sendJson(exchange.response, 200, { jsonrpc: "2.0", id: callId, error });
    return true;
  }
  const rpcVerb = isRpc(path) ? pauseVerb(method) : undefined;
  if (rpcVerb === undefined) return false;
  await answerRpc(exchange, handler, callId, () => pauseOrResume(agent, handler, rpcVerb, params));
  return true;
}

async function answerRest({ response }: Exchange, work: () => Promise<Task>): Promise<void> {
  try {
    sendJson(response, 200, Task.toJSON(await work()));
  } catch (thrown) {
    const error = asA2aError(thrown);
    const status = restStatusFor(error);
    sendJson(response, status, toRestErrorBody(error, status));
  }
}

/** Responds with the task in the form of 0.3, which is what `GET` returns there. */
async function answerLegacyRest(exchange: Exchange, work: () => Promise<Task>, toSdk: ToSdk): Promise<void> {
  const { request, response, path } = exchange;
  try {
    await work();
  } catch (thrown) {
    const error = asA2aError(thrown);
    return sendJson(response, restStatusFor(error), toLegacyHTTPError(error));
  }
  request.method = "GET";
  request.url = path.replace(/:[a-z]+$/, "");
  await toSdk(exchange);
}

async function answerRpc(
  { request, response }: Exchange,
  handler: Handler,
  id: unknown,
  work: () => Promise<Task>,
): Promise<void> {
  try {
    const task = await work();
    const result = isLegacy(request)
      ? await legacyResult(handler, "tasks/get", { id: task.id })
      : Task.toJSON(task);
    sendJson(response, 200, { jsonrpc: "2.0", id, result });
  } catch (thrown) {
    sendJson(response, 200, { jsonrpc: "2.0", id, error: toJsonRpcError(asA2aError(thrown)) });
  }
}

/** Returns whether a request uses 0.3. A request without a version does. */
function isLegacy({ headers }: IncomingMessage): boolean {
  return String(headers["a2a-version"] ?? "0.3").startsWith("0.");
}

/** Returns a card of 0.3 that a client of 1.0 also understands. */
function mergeCards(legacy: unknown, current: Record<string, object>): object {
  const { capabilities, ...rest } = legacy as Record<string, object>;
  const { supportedInterfaces, capabilities: all } = current;
  return { ...rest, capabilities: { ...all, ...capabilities }, supportedInterfaces };
}

/** Returns the result of a method in the form of 0.3. */
async function legacyResult(handler: Handler, method: string, params: object): Promise<unknown> {
  const call = { jsonrpc: "2.0", id: 1, method, params };
  const response = await new LegacyJsonRpcTransportHandler(handler).handle(call, new ServerCallContext());
  return (response as { result: unknown }).result;
}
