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
  const found = await rpc.call("logs/path", params);
  const isOwn = isHomeOf(rpc, context.paths);
  const { id } = found.task;
  for (const away of found.away)
    if (found.logs.some(({ attempt }) => attempt === away.attempt)) sayAway(context, id, away, "begins");
  const logs = found.logs.map((log) => {
    if (isOwn && log.machine === null) return log;
    const which = { id, attempt: log.attempt, ...defined({ raw: params.raw }) };
    return { ...log, open: async () => remoteLog(context, which, log.start) };
  });
  return { ...found, logs };
}

function remoteLog(
  context: Context,
  which: { id: number; attempt: number; raw?: boolean },
  start: number,
): LogBytes {
  return new LogPieces(async (offset, length) => {
    const { data, missing, ...place } = await callShared(context, "logs/read", { ...which, offset, length });
    if (missing) sayAway(context, which.id, { attempt: which.attempt, ...missing }, "goes on");
    return { data: Buffer.from(data, "base64"), ...place };
  }, start);
}

type Away = Result<"logs/path">["away"][number];

/** The unreachable logs that each command has already reported. */
const said = new WeakMap<Context, Set<string>>();

function sayAway(context: Context, id: number, { attempt, machine, lastSeenAt }: Away, verb: string): void {
  const known = said.get(context) ?? new Set();
  said.set(context, known);
  const what = `${id} ${attempt} ${machine}`;
  if (known.has(what)) return;
  known.add(what);
  context.out.note(
    `the log of attempt ${attempt} of task ${id} ${verb} on ${whereIs(context, { machine, lastSeenAt })}`,
  );
}

function whereIs({ clock }: Context, { machine, lastSeenAt }: Pick<Away, "machine" | "lastSeenAt">): string {
  return `machine ${machine}, which does not answer and was last seen ${whenText(lastSeenAt, clock.now())}`;
}

/** Throws if one of the logs is not available: a log that cannot be read is not an empty one. */
export function requireLogs(
  context: Context,
  { task: { id, state }, missing, away, logs }: Logs,
  attempt?: number,
): void {
  const isWanted = (n: number) => attempt === undefined || n === attempt;
  const gone = missing.find(isWanted);
  if (gone !== undefined)
    throw new AgentctlError("LogNotFound", { id, state, attempt: gone, reason: "it was removed" });
  const isRead = (n: number) => logs.some((log) => log.attempt === n);
  const lost = away.find((each) => isWanted(each.attempt) && !isRead(each.attempt));
  if (!lost) return;
  const { machine, lastSeenAt } = lost;
  const reason = `it is on ${whereIs(context, lost)}`;
  throw new AgentctlError("LogNotFound", { id, state, attempt: lost.attempt, reason, machine, lastSeenAt });
}

/** Passes the bytes of an artifact to `take`, in order. */
export async function readArtifact(
  context: Context,
  rpc: RpcClient,
  { id, artifact: { name, path, machine } }: { id: number | string; artifact: ArtifactJson },
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  if (machine === null && isHomeOf(rpc, context.paths)) {
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
