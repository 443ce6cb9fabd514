/** Files on another machine of the cluster: read from that machine, or from the kept copy if it does not respond. */
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { logName } from "../../engine/index.ts";
import type { Handlers, Params, Result } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import type { MachineRequest } from "../cluster/shared-files.ts";
import { artifactName, type SharedFiles } from "../cluster/shared-files.ts";
import type { Daemon } from "./context.ts";
import { type FoundLogs, findLocalLogs, logPath } from "./local-logs.ts";
import type { PieceRequest } from "./piece.ts";

type Bytes = Omit<Result<"logs/read">, "live">;
type Away = Result<"logs/path">["away"];

/** Returns whether a file that an attempt on `machine` wrote is here. Always true outside of a cluster. */
export function isLocal({ engine }: Pick<Daemon, "engine">, machine: string | null): boolean {
  return engine.cluster === null || machine === null || machine === engine.cluster.machine;
}

/** Returns the logs of attempts on other machines. `away` has those that are incomplete until a machine responds. */
export async function findRemoteLogs(
  daemon: Daemon,
  task: Task,
  attempts: readonly Attempt[],
  raw: boolean,
): Promise<FoundLogs & { away: Away }> {
  const result: FoundLogs & { away: Away } = { logs: [], missing: [], away: [] };
  if (!daemon.files) return result;
  for (const machine of new Set(attempts.map((attempt) => attempt.machine as string))) {
    const machineAttempts = attempts.filter((attempt) => attempt.machine === machine);
    const params = { id: task.id, attempts: machineAttempts.map(({ n }) => n), raw };
    const response = (await daemon.files.ask(machine, { method: "logs/path", params })) as
      | FoundLogs
      | undefined;
    result.logs.push(...(response?.logs ?? []).map((log) => ({ ...log, machine })));
    const unknown = machineAttempts.filter(({ n }) => !response?.logs.some(({ attempt }) => attempt === n));
    const keptLogs = await Promise.all(
      unknown.map((attempt) => keptLog(daemon, daemon.files as SharedFiles, attempt, raw)),
    );
    const isKept = (n: number) => keptLogs.some((log) => log?.attempt === n);
    result.logs.push(...keptLogs.filter((log) => log !== undefined));
    result.missing.push(...(response?.missing ?? []).filter((n) => !isKept(n)));
    if (response || raw) continue;
    const incomplete = unknown.filter(({ n }) => keptLogs.find((log) => log?.attempt === n)?.start !== 0);
    const { lastSeenAt } = await lastSeen(daemon.files, machine, incomplete[0]);
    result.away.push(...incomplete.map(({ n }) => ({ attempt: n, machine, lastSeenAt })));
  }
  return result;
}

async function keptLog({ engine }: Daemon, files: SharedFiles, attempt: Attempt, raw: boolean) {
  const { taskId: id, n, machine, endedAt } = attempt;
  const copy = await files.readKept(id, logName(n, raw), { length: 0 });
  if (!copy) return undefined;
  const { path } = await files.whereabouts(machine as string, logPath(engine, id, n, raw));
  const updatedAt = toIso(copy.keptAt);
  return { attempt: n, path, live: endedAt === null, machine, start: copy.start, updatedAt };
}

async function lastSeen(files: SharedFiles, machine: string, attempt: Attempt | undefined) {
  const { seenAt } = await files.whereabouts(machine, "");
  return { machine, lastSeenAt: toIso(seenAt ?? attempt?.endedAt ?? attempt?.startedAt ?? 0) };
}

/** Returns bytes of the log of an attempt on another machine. `missing` names the machine whose part is unavailable. */
export async function readRemoteLog(
  { files }: Daemon,
  attempt: Attempt,
  { raw, waitMs, ...range }: PieceRequest & { raw: boolean; waitMs: number },
): Promise<Bytes> {
  const { taskId: id, n } = attempt;
  const machine = attempt.machine as string;
  const params = { id, attempt: n, raw, waitMs, ...range };
  let refusal: AgentctlError | undefined;
  const response = await files?.ask(machine, { method: "logs/read", params }, waitMs).catch((error) => {
    refusal = asAgentctlError(error);
    if (refusal.name !== "LogNotFound") throw refusal;
  });
  if (response) return response as Bytes;
  const { offset = 0 } = range;
  const copy = await files?.readKept(id, logName(n, raw), range);
  if (copy) {
    const { data, size, start } = copy;
    const isCut = range.fromEnd === undefined ? offset < start : size - range.fromEnd < start && start > 0;
    const missing = isCut ? await lastSeen(files as SharedFiles, machine, attempt) : null;
    return { data: data.toString("base64"), offset: copy.offset, size, missing };
  }
  if (refusal) throw refusal;
  return { data: "", offset, size: 0, missing: await lastSeen(files as SharedFiles, machine, attempt) };
}

/** Returns bytes of an artifact on another machine: from the kept copy, else from that machine. */
export async function readRemoteArtifact(
  { files }: Daemon,
  task: Task,
  { name, sha256, machine }: { name: string; sha256: string; machine: string },
  range: { offset?: number; length: number },
): Promise<Result<"artifacts/read">> {
  const copy = await files?.readKept(task.id, artifactName(sha256), range);
  if (copy) {
    const { data, offset, size } = copy;
    return { data: data.toString("base64"), offset, size, sha256 };
  }
  const params = { id: task.id, name, ...range };
  const response = await files?.ask(machine, { method: "artifacts/read", params });
  if (response) return response as Result<"artifacts/read">;
  const { lastSeenAt } = await lastSeen(files as SharedFiles, machine, undefined);
  const reason = `artifact ${JSON.stringify(name)} of task ${task.id} is on machine ${machine} alone, which was last seen at ${lastSeenAt}`;
  throw new AgentctlError("ArtifactNotFound", {
    id: task.id,
    state: task.state,
    reason,
    machine,
    lastSeenAt,
  });
}

/** Returns the function that responds to other machines: it calls the handlers, for files that are here. */
export function answerMachines(
  daemon: Daemon,
  handlers: Pick<Handlers<Caller>, "logs/read" | "artifacts/read">,
): (request: MachineRequest) => Promise<unknown> {
  const caller: Caller = {
    scopes: ["people"],
    actor: "daemon",
    token: null,
    refusal: null,
    listener: null,
    signal: new AbortController().signal,
  };
  return async ({ method, params }) => {
    if (method === "logs/path") {
      const { id, attempts, raw } = params as { id: number; attempts: number[]; raw: boolean };
      const localAttempts = (await daemon.engine.store.attempts(id)).filter(
        ({ n, machine }) => attempts.includes(n) && isLocal(daemon, machine),
      );
      return findLocalLogs(daemon, await daemon.engine.require(id), localAttempts, raw);
    }
    if (method === "logs/read") return await handlers[method](params as Params<"logs/read">, caller);
    if (method === "artifacts/read")
      return await handlers[method](params as Params<"artifacts/read">, caller);
    throw new AgentctlError("UnsupportedOperation", { reason: `no machine answers ${method}` });
  };
}
