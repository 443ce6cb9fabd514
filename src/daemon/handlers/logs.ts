import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Attempt, Task } from "../../core/task.ts";
import type { Handlers, Params, Result } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";
import { findLocalLogs, readLocalLog } from "./local-logs.ts";
import { PIECE_BYTES, type PieceRequest } from "./piece.ts";
import { findRemoteLogs, isLocal, readRemoteLog } from "./remote-files.ts";

/** How often we check for new output, in ms. */
const POLL_MS = 50;
const MAX_WAIT_MS = 60_000;
/** How long one request to another machine waits for output, in ms. Then we ask again. */
const MAX_REMOTE_WAIT_MS = 2000;

export function logHandlers(daemon: Daemon): Pick<Handlers<Caller>, "logs/path" | "logs/read"> {
  const { engine } = daemon;
  return {
    "logs/path": async ({ id, attempt, raw = false }) => {
      const task = await engine.require(id);
      const attempts = await attemptsOf(daemon, task, attempt);
      const [local, remote] = [true, false].map((expected) =>
        attempts.filter(({ machine }) => isLocal(daemon, machine) === expected),
      ) as [Attempt[], Attempt[]];
      const localLogs = findLocalLogs(daemon, task, local, raw);
      const remoteLogs = await findRemoteLogs(daemon, task, remote, raw);
      return {
        logs: [...localLogs.logs, ...remoteLogs.logs].sort((a, b) => a.attempt - b.attempt),
        missing: [...localLogs.missing, ...remoteLogs.missing],
        away: remoteLogs.away,
        task: await show(daemon, task),
      };
    },

    "logs/read": async (params, caller) => await read(daemon, params, caller),
  };
}

async function attemptsOf(daemon: Daemon, task: Task, n: number | undefined): Promise<Attempt[]> {
  const all = await daemon.engine.store.attempts(task.id);
  if (n === undefined) return all;
  const matching = all.filter((attempt) => attempt.n === n);
  if (matching.length > 0) return matching;
  const reason = `task ${task.id} has no attempt ${n}`;
  const data = { field: "attempt", reason, id: task.id, state: task.state };
  throw new AgentctlError("InvalidParams", data, { message: reason, hint: `agentctl show ${task.id}` });
}

async function read(
  daemon: Daemon,
  { id, attempt, offset, fromEnd, length = PIECE_BYTES, waitMs = 0, raw = false }: Params<"logs/read">,
  caller: Caller,
): Promise<Result<"logs/read">> {
  const { engine } = daemon;
  if (offset !== undefined && fromEnd !== undefined) {
    const reason = "either offset or fromEnd, not both";
    throw new AgentctlError("InvalidParams", { field: "fromEnd", reason });
  }
  const deadline = engine.clock.mono() + Math.min(waitMs, MAX_WAIT_MS);
  for (;;) {
    const task = await engine.require(id);
    const n = attempt ?? task.attempt;
    const [record] = n === 0 && attempt === undefined ? [] : await attemptsOf(daemon, task, n);
    // An attempt that has not begun yet will still print.
    const live = record ? record.endedAt === null : !isTerminal(task.state);
    const remainingMs = Math.max(0, Math.min(MAX_REMOTE_WAIT_MS, deadline - engine.clock.mono()));
    const bytes = await bytesOf(
      daemon,
      { task, n, record },
      { offset, fromEnd, length, raw, waitMs: remainingMs },
    );
    const hasEnough = bytes.data !== "" || !live || length === 0;
    if (hasEnough || engine.clock.mono() >= deadline || caller.signal.aborted || engine.isStopping)
      return { ...bytes, live };
    await sleep(POLL_MS);
  }
}

async function bytesOf(
  daemon: Daemon,
  { task, n, record }: { task: Task; n: number; record: Attempt | undefined },
  range: PieceRequest & { raw: boolean; waitMs: number },
): Promise<Omit<Result<"logs/read">, "live">> {
  if (record && !isLocal(daemon, record.machine)) return await readRemoteLog(daemon, record, range);
  const { data, ...place } = await readLocalLog(daemon, task, n, range);
  return { data: data.toString("base64"), ...place, missing: null };
}
