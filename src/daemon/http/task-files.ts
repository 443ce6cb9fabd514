/** `GET /tasks/<id>/log` and `GET /tasks/<id>/artifacts/<name>`: bytes as they were written. */
import { existsSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentctlError, asAgentctlError, requireLog } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import { LogFile } from "../../home/log-file.ts";
import { LogTail, placeOf } from "../../home/log-tail.ts";
import type { Result } from "../../protocol/methods.ts";
import { begin } from "./answer.ts";
import { refOf } from "./events.ts";
import { callerOf, closeSignal, listeningCaller, waitForDrain } from "./http-caller.ts";
import { mediaTypeOf } from "./media-type.ts";
import { openableLogs } from "./openable-logs.ts";
import { sendFiles } from "./range.ts";
import type { Services } from "./services.ts";

const PLAIN = "text/plain; charset=utf-8";
type Logs = { task: Result<"logs/path">["task"]; logs: ReturnType<typeof openableLogs> };

/** Sends the log of all attempts, or of `?attempt=<n>`. With `?follow=1` it continues until the task has ended. */
export function taskLogOf(services: Services) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
    ref: string,
  ): Promise<void> => {
    const attempt = attemptOf(query);
    const caller = callerOf(response, "user");
    const logsOf = async (): Promise<Logs> => {
      const params = { id: refOf(ref), ...(attempt === undefined ? {} : { attempt }) };
      const result = (await services.dispatch(
        { method: "logs/path", params },
        caller,
      )) as Result<"logs/path">;
      requireLog(result);
      const read = async (params: object) =>
        (await services.dispatch({ method: "logs/read", params }, caller)) as Result<"logs/read">;
      return { task: result.task, logs: openableLogs(result, read) };
    };
    const initial = await logsOf();
    const headers = { "Content-Type": PLAIN, "Content-Security-Policy": "sandbox" };
    if (!["1", "true"].includes(query.get("follow") ?? "")) {
      if (initial.logs.every(({ open }) => !open)) {
        await sendFiles(request, response, withSizes(initial.logs), headers);
        return;
      }
      begin(response, 200, headers);
      if (request.method !== "HEAD") await sendAll(response, initial.logs);
      return void response.end();
    }
    begin(response, 200, headers);
    response.flushHeaders();
    if (request.method === "HEAD") return void response.end();
    await follow(services, response, initial, logsOf);
  };
}

/** Sends logs, some of which are on another machine. */
async function sendAll(response: ServerResponse, logs: Logs["logs"]): Promise<void> {
  for (const log of logs) {
    const file = new LogFile(placeOf(log));
    await file.drain(async (chunk) => {
      response.write(chunk);
      await waitForDrain(response);
    });
    file.close();
  }
}

async function follow(
  services: Services,
  response: ServerResponse,
  first: Logs,
  logsOf: () => Promise<Logs>,
): Promise<void> {
  const signal = AbortSignal.any([closeSignal(response), services.closing.signal]);
  const tail = new LogTail(
    async (chunk) => {
      response.write(chunk);
      await waitForDrain(response);
    },
    () => undefined,
  );
  let wake = () => {};
  signal.addEventListener("abort", () => wake());
  const listener = listeningCaller({
    actor: "user",
    signal,
    onEvent: () => wake(),
    writable: async () => {},
    end: () => wake(),
  });
  let isWhole = false;
  try {
    await services.dispatch(
      { method: "tasks/subscribe", params: { id: first.task.id, snapshot: false } },
      listener,
    );
    while (!signal.aborted) {
      const nextEvent = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const { logs, task } = await logsOf();
      tail.update(logs);
      if (isTerminal(task.state)) {
        await tail.drained();
        isWhole = true;
        break;
      }
      await nextEvent;
    }
  } catch (error) {
    // The task was deleted meanwhile, which ends its log.
    isWhole = asAgentctlError(error).name === "TaskNotFound";
  } finally {
    tail.close();
    // If the daemon stops, the reader must not take what it has for the whole log.
    if (isWhole) response.end();
    else response.destroy();
  }
}

function attemptOf(query: URLSearchParams): number | undefined {
  const value = query.get("attempt");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new AgentctlError("InvalidParams", { field: "attempt", reason: "must be the number of an attempt" });
}

function withSizes(files: readonly { path: string }[]): { path: string; size: number }[] {
  return files
    .filter(({ path }) => existsSync(path))
    .map(({ path }) => ({ path, size: statSync(path).size }));
}

/** Sends a file that is on another machine. */
async function sendPieces(
  request: IncomingMessage,
  response: ServerResponse,
  {
    size,
    headers,
    read,
  }: {
    size: number;
    headers: Record<string, string>;
    read: (offset: number) => Promise<Result<"artifacts/read">>;
  },
): Promise<void> {
  const first = await read(0);
  begin(response, 200, { ...headers, "Content-Length": size });
  if (request.method === "HEAD") return void response.end();
  let bytes = Buffer.from(first.data, "base64");
  for (let offset = 0; bytes.length > 0 && !response.destroyed; ) {
    response.write(bytes);
    await waitForDrain(response);
    offset += bytes.length;
    bytes = offset < size ? Buffer.from((await read(offset)).data, "base64") : Buffer.alloc(0);
  }
  response.end();
}

/** Sends the bytes of an artifact, for a browser to save. */
export function artifactOf(services: Services) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    ref: string,
    name: string,
  ): Promise<void> => {
    const caller = callerOf(response, "user");
    const id = refOf(ref);
    const call = { method: "artifacts/get", params: { id, name } };
    const { artifact } = (await services.dispatch(call, caller)) as Result<"artifacts/get">;
    const headers = {
      "Content-Type": mediaTypeOf(name),
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name.split("/").at(-1) ?? name)}`,
      "Content-Security-Policy": "sandbox",
      ETag: `"${artifact.sha256}"`,
    };
    if (artifact.machine === undefined)
      return await sendFiles(request, response, withSizes([artifact]), headers);
    const read = async (offset: number) =>
      (await services.dispatch(
        { method: "artifacts/read", params: { id, name, offset } },
        caller,
      )) as Result<"artifacts/read">;
    await sendPieces(request, response, { size: artifact.size, headers, read });
  };
}
