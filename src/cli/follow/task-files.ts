/** The logs and artifacts of tasks. In the caller's own home we read the files, in any other we ask the daemon. */
import { createReadStream } from "node:fs";
import { isHomeOf } from "../../client/connect.ts";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import type { LogBytes } from "../../home/log-file.ts";
import { LogPieces } from "../../home/log-pieces.ts";
import type { AttemptLog } from "../../home/log-tail.ts";
import type { ArtifactJson, Params, Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { callShared } from "../command/session.ts";
import { whenText } from "../text/when.ts";

/** The logs of a task, each with a way to open it. */
export interface Logs extends Omit<Result<"logs/path">, "logs"> {
  logs: (Result<"logs/path">["logs"][number] & AttemptLog)[];
}

/** Fetches the logs of a task, or of one of its attempts. */
export async function logsOf(context: Context, rpc: RpcClient, params: Params<"logs/path">): Promise<Logs> {
  const response = await rpc.call("logs/path", params);
  const isLocal = isHomeOf(rpc, context.paths);
  const { id } = response.task;
  for (const absent of response.away)
    if (response.logs.some(({ attempt }) => attempt === absent.attempt))
      noteUnreachable(context, id, absent, "begins");
  const logs = response.logs.map((log) => {
    if (isLocal && log.machine === null) return log;
    const target = { id, attempt: log.attempt, ...defined({ raw: params.raw }) };
    return { ...log, open: async () => remoteLog(context, target, log.start) };
  });
  return { ...response, logs };
}

function remoteLog(
  context: Context,
  target: { id: number; attempt: number; raw?: boolean },
  start: number,
): LogBytes {
  return new LogPieces(async (offset, length) => {
    const { data, missing, ...place } = await callShared(context, "logs/read", { ...target, offset, length });
    if (missing) noteUnreachable(context, target.id, { attempt: target.attempt, ...missing }, "goes on");
    return { data: Buffer.from(data, "base64"), ...place };
  }, start);
}

type UnreachableLog = Result<"logs/path">["away"][number];

/** The unreachable logs that each command has already reported. */
const reportedLogs = new WeakMap<Context, Set<string>>();

function noteUnreachable(
  context: Context,
  id: number,
  { attempt, machine, lastSeenAt }: UnreachableLog,
  verb: string,
): void {
  const reported = reportedLogs.get(context) ?? new Set();
  reportedLogs.set(context, reported);
  const key = `${id} ${attempt} ${machine}`;
  if (reported.has(key)) return;
  reported.add(key);
  context.out.note(
    `the log of attempt ${attempt} of task ${id} ${verb} on ${locationText(context, { machine, lastSeenAt })}`,
  );
}

function locationText(
  { clock }: Context,
  { machine, lastSeenAt }: Pick<UnreachableLog, "machine" | "lastSeenAt">,
): string {
  return `machine ${machine}, which does not answer and was last seen ${whenText(lastSeenAt, clock.now())}`;
}

/** Throws if one of the logs is not available: a log that cannot be read is not an empty one. */
export function requireLogs(
  context: Context,
  { task: { id, state }, missing, away, logs }: Logs,
  attempt?: number,
): void {
  const isWanted = (n: number) => attempt === undefined || n === attempt;
  const removed = missing.find(isWanted);
  if (removed !== undefined)
    throw new AgentctlError("LogNotFound", { id, state, attempt: removed, reason: "it was removed" });
  const isAvailable = (n: number) => logs.some((log) => log.attempt === n);
  const unreachable = away.find((each) => isWanted(each.attempt) && !isAvailable(each.attempt));
  if (!unreachable) return;
  const { machine, lastSeenAt } = unreachable;
  const reason = `it is on ${locationText(context, unreachable)}`;
  throw new AgentctlError("LogNotFound", {
    id,
    state,
    attempt: unreachable.attempt,
    reason,
    machine,
    lastSeenAt,
  });
}

/** Passes the bytes of an artifact to `onChunk`, in order. */
export async function readArtifact(
  context: Context,
  rpc: RpcClient,
  { id, artifact: { name, path, machine } }: { id: number | string; artifact: ArtifactJson },
  onChunk: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  if (machine === null && isHomeOf(rpc, context.paths)) {
    for await (const chunk of createReadStream(path)) await onChunk(chunk as Buffer);
    return;
  }
  for (let offset = 0, size = 1; offset < size; ) {
    const piece = await rpc.call("artifacts/read", { id, name, offset });
    const chunk = Buffer.from(piece.data, "base64");
    if (chunk.length === 0 && piece.size > offset) throw new Error(`${name} became shorter meanwhile`);
    size = piece.size;
    offset += chunk.length;
    await onChunk(chunk);
  }
}
