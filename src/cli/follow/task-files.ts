/** The logs and artifacts of tasks: read as files in the home of the caller, and through the daemon in any other. */
import { createReadStream } from "node:fs";
import { isHomeOf } from "../../client/connect.ts";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import type { LogBytes } from "../../home/log-file.ts";
import type { AttemptLog } from "../../home/log-tail.ts";
import type { ArtifactJson, Params, Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { callShared } from "../command/session.ts";

/** The logs of a task, each with what opens it. */
export interface Logs extends Omit<Result<"logs/path">, "logs"> {
  logs: (Result<"logs/path">["logs"][number] & AttemptLog)[];
}

/** Asks for the logs of a task, or of one attempt of it. */
export async function logsOf(context: Context, rpc: RpcClient, params: Params<"logs/path">): Promise<Logs> {
  const found = await rpc.call("logs/path", params);
  if (isHomeOf(rpc, context.paths)) return found;
  const { id } = found.task;
  const logs = found.logs.map((log) => ({
    ...log,
    open: async () => remoteLog(context, { id, attempt: log.attempt, ...defined({ raw: params.raw }) }),
  }));
  return { ...found, logs };
}

function remoteLog(context: Context, which: Params<"logs/read">): LogBytes {
  const read = async (offset: number, length: number) =>
    await callShared(context, "logs/read", { ...which, offset, length });
  return {
    size: async () => (await read(0, 0)).size,
    read: async (offset, length) => Buffer.from((await read(offset, length)).data, "base64"),
    close: () => undefined,
  };
}

/** Rejects where one of the logs is not there any more: a log that cannot be read is not an empty one. */
export function requireLogs({ task: { id, state }, missing }: Logs, attempt?: number): void {
  const gone = missing.find((n) => attempt === undefined || n === attempt);
  if (gone === undefined) return;
  throw new AgentctlError("LogNotFound", { id, state, attempt: gone, reason: "it was removed" });
}

/** Takes the bytes of an artifact, in order. */
export async function readArtifact(
  context: Context,
  rpc: RpcClient,
  { id, artifact: { name, path } }: { id: number | string; artifact: ArtifactJson },
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  if (isHomeOf(rpc, context.paths)) {
    for await (const chunk of createReadStream(path)) await take(chunk as Buffer);
    return;
  }
  for (let offset = 0, size = 1; offset < size; ) {
    const piece = await rpc.call("artifacts/read", { id, name, offset });
    const chunk = Buffer.from(piece.data, "base64");
    if (chunk.length === 0 && piece.size > offset) throw new Error(`${name} became shorter meanwhile`);
    size = piece.size;
    offset += chunk.length;
    await take(chunk);
  }
}
