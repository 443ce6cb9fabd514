/** `GET /tasks/<id>/log` and `GET /tasks/<id>/artifacts/<name>`: bytes as they were written. */
import { existsSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import { LogTail } from "../../home/log-tail.ts";
import type { Result } from "../../protocol/methods.ts";
import { begin } from "./answer.ts";
import { refOf } from "./events.ts";
import { callerOf, drained, goneSignal, listeningCaller } from "./http-caller.ts";
import { typeOf } from "./media-type.ts";
import { sendFiles } from "./range.ts";
import type { Services } from "./services.ts";

const PLAIN = "text/plain; charset=utf-8";
type Logs = Result<"logs/path">;

/** Answers the log of all attempts, or of `?attempt=<n>`; with `?follow=1` it goes on until the task has ended. */
export function taskLogOf(services: Services) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
    ref: string,
  ): Promise<void> => {
    const attempt = attemptOf(query);
    const logsOf = async (): Promise<Logs> => {
      const params = { id: refOf(ref), ...(attempt === undefined ? {} : { attempt }) };
      return (await services.dispatch({ method: "logs/path", params }, callerOf(response, "user"))) as Logs;
    };
    const found = await logsOf();
    const headers = { "Content-Type": PLAIN, "Content-Security-Policy": "sandbox" };
    if (!["1", "true"].includes(query.get("follow") ?? "")) {
      await sendFiles(request, response, sized(found.logs), headers);
      return;
    }
    begin(response, 200, headers);
    response.flushHeaders();
    if (request.method === "HEAD") return void response.end();
    await follow(services, response, found, logsOf);
  };
}

async function follow(
  services: Services,
  response: ServerResponse,
  first: Logs,
  logsOf: () => Promise<Logs>,
): Promise<void> {
  const signal = AbortSignal.any([goneSignal(response), services.closing.signal]);
  const tail = new LogTail(
    async (chunk) => {
      response.write(chunk);
      await drained(response);
    },
    () => undefined,
  );
  let wake = () => {};
  signal.addEventListener("abort", () => wake());
  const listener = listeningCaller({
    actor: "user",
    signal,
    take: () => wake(),
    writable: async () => {},
    end: () => wake(),
  });
  try {
    await services.dispatch(
      { method: "tasks/subscribe", params: { id: first.task.id, snapshot: false } },
      listener,
    );
    while (!signal.aborted) {
      const news = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const { logs, task } = await logsOf();
      tail.update(logs);
      if (isTerminal(task.state)) {
        await tail.drained();
        break;
      }
      await news;
    }
  } catch {
    // It was deleted meanwhile: that is its end.
  } finally {
    tail.close();
    response.end();
  }
}

function attemptOf(query: URLSearchParams): number | undefined {
  const given = query.get("attempt");
  if (given === null) return undefined;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new AgentctlError("InvalidParams", { field: "attempt", reason: "is the number of an attempt" });
}

function sized(files: readonly { path: string }[]): { path: string; size: number }[] {
  return files
    .filter(({ path }) => existsSync(path))
    .map(({ path }) => ({ path, size: statSync(path).size }));
}

/** Answers the bytes of an artifact, for a browser to save. */
export function artifactOf(services: Services) {
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    ref: string,
    name: string,
  ): Promise<void> => {
    const call = { method: "artifacts/get", params: { id: refOf(ref), name } };
    const { artifact } = (await services.dispatch(
      call,
      callerOf(response, "user"),
    )) as Result<"artifacts/get">;
    await sendFiles(request, response, sized([artifact]), {
      "Content-Type": typeOf(name),
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name.split("/").at(-1) ?? name)}`,
      "Content-Security-Policy": "sandbox",
      ETag: `"${artifact.sha256}"`,
    });
  };
}
