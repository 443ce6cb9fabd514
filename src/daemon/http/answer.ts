import type { ServerResponse } from "node:http";
import { type AgentctlError, asAgentctlError, type ErrorName } from "../../core/errors.ts";
import { countUnsent } from "./bounds.ts";

/** The status of each error. An error that is not listed is the caller's mistake: 400. */
const statusOf: Partial<Record<ErrorName, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  TaskNotFound: 404,
  QueueNotFound: 404,
  ScheduleNotFound: 404,
  CheckpointNotFound: 404,
  ArtifactNotFound: 404,
  LogNotFound: 404,
  TaskNotPausable: 409,
  TaskNotResumable: 409,
  TaskNotCancelable: 409,
  TaskImmutable: 409,
  MethodNotAllowed: 405,
  TooLarge: 413,
  QueueFull: 429,
  TooMany: 503,
  StoreUnavailable: 503,
  InternalError: 500,
};

/** Headers of every response: for this origin only, not cached, no guessing of its type. */
const COMMON_HEADERS: readonly (readonly [string, string])[] = [
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];

type Headers = Record<string, string | number | string[] | undefined>;

/** Begins a response with the headers that every response has. Given headers of the same names replace them. */
export function begin(response: ServerResponse, status: number, headers: Headers): void {
  // Node sends a list of alternating names and values unchanged.
  const lines: (string | number | string[])[] = [];
  for (const [name, value] of COMMON_HEADERS) if (headers[name] === undefined) lines.push(name, value);
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) lines.push(name, value);
  }
  response.writeHead(status, lines as string[]);
}

/** Responds with JSON. Throws `TooMany` if too much already waits to be read. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Headers = {},
): void {
  // A string goes out with its headers in one write; bytes would take two.
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  countUnsent(response, length);
  begin(response, status, { "Content-Type": "application/json", "Content-Length": length, ...headers });
  response.end(body);
}

/** Returns an error in the form that the command line and the HTTP server use. */
function errorJson(error: AgentctlError): object {
  const { name, code, message, hint, data } = error;
  return { error: { name, code, message, hint, data } };
}

/** Responds with an error of the catalogue. If the response has begun, cuts it off. */
export function sendError(response: ServerResponse, thrown: unknown, headers: Headers = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = asAgentctlError(thrown);
  const status = statusOf[error.name as ErrorName] ?? 400;
  const challenge = status === 401 ? { "WWW-Authenticate": 'Bearer realm="agentctl"' } : {};
  const retry = status === 503 || status === 429 ? { "Retry-After": "1" } : {};
  sendJson(response, status, errorJson(error), { ...challenge, ...retry, ...headers });
}
