/** Which handler responds to which path. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { a2aOf } from "./a2a.ts";
import { begin, sendError, sendJson } from "./answer.ts";
import { eventsOf } from "./events.ts";
import type { Gate } from "./gate.ts";
import { mcpOf } from "./mcp.ts";
import { Metrics } from "./metrics.ts";
import { pageOf, sendSignIn } from "./page.ts";
import { rpcOf } from "./rpc.ts";
import type { Services } from "./services.ts";
import { artifactOf, taskLogOf } from "./task-files.ts";

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  parts: string[],
) => Promise<void> | void;

interface Route {
  methods: readonly string[];
  path: string | RegExp;
  /** Whether the route works without a token. `"GET"`: only for that method. */
  isOpen?: true | "GET";
  answer: Answer;
}

const READ = ["GET", "HEAD"] as const;
const NO_QUERY = new URLSearchParams();

/** Returns a function that handles each request by the route of its path. */
export function routesOf(
  services: Services,
  gate: Gate,
  base: () => string,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const table = tableOf(services, gate, base);
  const exact = new Map(table.map((route) => [route.path, route]));
  return async (request, response) => {
    gate.requireOwnNames(request);
    const { url = "/" } = request;
    // Most requests are for an exact path in the table, and a lookup there costs less than parsing the URL.
    const { pathname, searchParams } = exact.has(url)
      ? { pathname: url, searchParams: NO_QUERY }
      : urlOf(url);
    const route =
      exact.get(pathname) ?? table.find(({ path }) => path instanceof RegExp && path.test(pathname));
    const isOpen = route?.isOpen === true || (route?.isOpen === "GET" && request.method === "GET");
    if (!isOpen && pathname === "/" && !gate.isAuthorized(request) && isBrowser(request))
      return sendSignIn(response);
    if (!isOpen) gate.requireToken(request);
    if (!route) throw new AgentctlError("NotFound", { path: pathname.slice(0, 200) });
    if (!route.methods.includes(request.method ?? "")) {
      const reason = `${pathname.slice(0, 200)} takes ${route.methods.join(", ")}`;
      const allow = { Allow: route.methods.join(", ") };
      sendError(response, new AgentctlError("MethodNotAllowed", { reason }), allow);
      return;
    }
    const parts = route.path instanceof RegExp ? partsOf(route.path, pathname) : [];
    await route.answer(request, response, searchParams, parts);
  };
}

/** Returns the decoded groups of a path's pattern. */
function partsOf(pattern: RegExp, pathname: string): string[] {
  return (pattern.exec(pathname) ?? []).slice(1).map(decode);
}

function tableOf(services: Services, gate: Gate, base: () => string): readonly Route[] {
  const page = (name: string): Answer => pageOf(services, name);
  const metrics = new Metrics(services);
  const a2a = a2aOf(services, base);
  const taskLog = taskLogOf(services);
  const artifact = artifactOf(services);
  const { version } = services;
  return [
    {
      methods: READ,
      path: "/healthz",
      isOpen: true,
      answer: (_, response) => sendJson(response, 200, { ok: true, alive: true, version }),
    },
    {
      methods: ["GET"],
      path: /^\/login\/([\w-]{1,100})$/,
      isOpen: true,
      answer: (_, response, __, [code = ""]) => login(gate, response, code),
    },
    { methods: READ, path: "/", answer: page("index.html") },
    { methods: READ, path: "/dashboard/app.js", answer: page("app.js") },
    { methods: READ, path: "/dashboard/style.css", answer: page("style.css") },
    { methods: ["GET"], path: "/metrics", answer: (_, response) => metrics.answer(response) },
    { methods: ["POST"], path: "/rpc", answer: rpcOf(services) },
    { methods: ["POST"], path: "/mcp", answer: mcpOf(services) },
    {
      methods: ["GET"],
      path: /^(?:\/a2a)?\/\.well-known\/agent-card\.json$/,
      isOpen: true,
      answer: a2a.card,
    },
    { methods: ["GET", "POST"], path: /^\/a2a\/?$/, isOpen: "GET", answer: a2a.root },
    { methods: ["GET", "POST", "DELETE"], path: /^\/a2a(?:\/.*)?$/, answer: a2a.answer },
    { methods: ["GET"], path: "/events", answer: eventsOf(services) },
    {
      methods: READ,
      path: /^\/tasks\/([^/]+)\/log$/,
      answer: (request, response, query, [ref = ""]) => taskLog(request, response, query, ref),
    },
    {
      methods: READ,
      path: /^\/tasks\/([^/]+)\/artifacts\/(.+)$/,
      answer: (request, response, _, [ref = "", name = ""]) => artifact(request, response, ref, name),
    },
  ];
}

/** Lets a browser in. The address works only once, so nobody can use it from the browser's history. */
function login(gate: Gate, response: ServerResponse, code: string): void {
  begin(response, 303, { Location: "/", "Set-Cookie": gate.cookieFor(code), "Content-Length": 0 });
  response.end();
}

/** Returns whether a person sees the response. */
function isBrowser({ headers }: IncomingMessage): boolean {
  return /\btext\/html\b/.test(headers.accept ?? "");
}

function urlOf(url: string): URL {
  // A path that begins with two slashes would name a host.
  const path = url.startsWith("/") ? url : "/";
  try {
    return new URL(`http://localhost${path}`);
  } catch {
    throw new AgentctlError("NotFound", { path: path.slice(0, 200) });
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new AgentctlError("NotFound", { path: part.slice(0, 200) });
  }
}
