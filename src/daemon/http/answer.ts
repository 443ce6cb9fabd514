import type { ServerResponse } from "node:http";
import { type AgentctlError, asAgentctlError, type ErrorName } from "../../core/errors.ts";
import { countUnsent } from "./bounds.ts";

/** The status of an answer that is an error; whatever is not listed was the caller's mistake. */
const statusOf: Partial<Record<ErrorName, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  TaskNotFound: 404,
  QueueNotFound: 404,
  ScheduleNotFound: 404,
  CheckpointNotFound: 404,
  ArtifactNotFound: 404,
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

/** Headers of every answer: it is nobody else's, is not kept, and is what it says it is. */
const ALWAYS: readonly (readonly [string, string])[] = [
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];

type Headers = Record<string, string | number | string[] | undefined>;

/** Begins an answer with the headers that every answer has; those that are given under the same names replace them. */
export function begin(response: ServerResponse, status: number, headers: Headers): void {
  // Names and values in turns are what Node sends as they stand.
  const lines: (string | number | string[])[] = [];
  for (const [name, value] of ALWAYS) if (headers[name] === undefined) lines.push(name, value);
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) lines.push(name, value);
  }
  response.writeHead(status, lines as string[]);
}

/** Answers with JSON. Throws `TooMany` where too much waits to be read already. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Headers = {},
): void {
  // A text goes out with its headers in one write, bytes would make two.
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  countUnsent(response, length);
  begin(response, status, { "Content-Type": "application/json", "Content-Length": length, ...headers });
  response.end(body);
}

/** The form in which the command line and the HTTP server give an error. */
function errorJson(error: AgentctlError): object {
  const { name, code, message, hint, data } = error;
  return { error: { name, code, message, hint, data } };
}

/** Answers with an error of the catalogue; where the answer has begun, it is cut off. */
export function sendError(response: ServerResponse, thrown: unknown, headers: Headers = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = asAgentctlError(thrown);
  const status = statusOf[error.name as ErrorName] ?? 400;
  const asks = status === 401 ? { "WWW-Authenticate": 'Bearer realm="agentctl"' } : {};
  const later = status === 503 || status === 429 ? { "Retry-After": "1" } : {};
  sendJson(response, status, errorJson(error), { ...asks, ...later, ...headers });
}
