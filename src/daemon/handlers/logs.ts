import { existsSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { foldersOf, logFile, rawLogFile } from "../../engine/index.ts";
import type { Handlers, Params, Result } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";
import { PIECE_BYTES, piece } from "./piece.ts";

/** How soon output is seen by who waits for it. */
const LOOK_EVERY_MS = 50;
const LONGEST_WAIT_MS = 60_000;

export function logHandlers(daemon: Daemon): Pick<Handlers<Caller>, "logs/path" | "logs/read"> {
  const { engine } = daemon;
  return {
    "logs/path": async ({ id, attempt, raw = false }) => {
      const task = await engine.require(id);
      const attempts = await attemptsOf(daemon, task, attempt);
      const places = attempts.map(({ n, endedAt }) => ({
        attempt: n,
        path: placeOf(engine, task.id, n, raw),
        live: endedAt === null,
      }));
      const logs = places.flatMap((log) => {
        const stat = statSync(log.path, { throwIfNoEntry: false });
        return stat ? [{ ...log, updatedAt: toIso(Math.round(stat.mtimeMs)) }] : [];
      });
      const missing = places
        .filter(({ attempt: n, path }) => !existsSync(path) && !raw && isGone(daemon, task, n))
        .map(({ attempt: n }) => n);
      return { logs, missing, task: await show(daemon, task) };
    },

    "logs/read": async (params, caller) => await read(daemon, params, caller),
  };
}

/** The log of an attempt; with `raw` the lines of a coding agent, which only one has. */
function placeOf(engine: Daemon["engine"], id: number, n: number, raw: boolean): string {
  return (raw ? rawLogFile : logFile)(engine, id, n);
}

async function attemptsOf(daemon: Daemon, task: Task, n: number | undefined): Promise<Attempt[]> {
  const all = await daemon.engine.store.attempts(task.id);
  const attempts = n === undefined ? all : all.filter((attempt) => attempt.n === n);
  const here = attempts.filter(({ machine }) => machine === (daemon.engine.cluster?.machine ?? null));
  if (here.length === 0 || here.at(-1) !== attempts.at(-1)) refuseElsewhere(task, attempts.at(-1));
  if (n === undefined || here.length > 0) return here;
  const reason = `task ${task.id} has no attempt ${n}`;
  const data = { field: "attempt", reason, id: task.id, state: task.state };
  throw new AgentctlError("InvalidParams", data, { message: reason, hint: `agentctl show ${task.id}` });
}

/** A log stays on the machine that wrote it. Throws `LogNotFound`, which names the machine of the newest one. */
function refuseElsewhere({ id, state }: Task, newest: Attempt | undefined): void {
  if (!newest) return;
  const { n, machine } = newest;
  const reason = `it is on machine ${machine}: agentctl logs ${id} there`;
  throw new AgentctlError("LogNotFound", { id, state, attempt: n, machine, reason });
}

/**
 * Whether a log that is not there was removed by somebody. That of an earlier attempt is dropped where all together are too
 * long; that of a program that printed nothing may have become another task's, with its folder; and an attempt that is
 * just being started has none yet.
 */
function isGone({ engine }: Daemon, task: Task, n: number): boolean {
  if (n !== task.attempt) return false;
  const active = engine.active.get(task.id);
  if (active ? !active.running : engine.starting.has(task.id)) return false;
  return existsSync(foldersOf(engine, task.id).folder);
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
  const until = engine.clock.mono() + Math.min(waitMs, LONGEST_WAIT_MS);
  for (;;) {
    const task = await engine.require(id);
    const n = attempt ?? task.attempt;
    const [one] = n === 0 && attempt === undefined ? [] : await attemptsOf(daemon, task, n);
    // One that has not begun yet is still to come.
    const live = one ? one.endedAt === null : !isTerminal(task.state);
    const found = await pieceOf(daemon, task, n, { offset, fromEnd, length, raw });
    const hasEnough = found.data.length > 0 || !live || length === 0;
    if (hasEnough || engine.clock.mono() >= until || caller.signal.aborted || engine.isStopping) {
      const { data, ...place } = found;
      return { data: data.toString("base64"), ...place, live, missing: null };
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function pieceOf(
  daemon: Daemon,
  task: Task,
  n: number,
  wanted: { offset: number | undefined; fromEnd: number | undefined; length: number; raw: boolean },
): Promise<{ data: Buffer; offset: number; size: number }> {
  const nothing = { data: Buffer.alloc(0), offset: wanted.offset ?? 0, size: 0 };
  try {
    return (await piece(placeOf(daemon.engine, task.id, n, wanted.raw), wanted)) ?? missing();
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw notFound((error as Error).message, error);
  }

  function missing() {
    const isDropped = n !== 0 && n !== task.attempt;
    if (wanted.raw || (!isDropped && !isGone(daemon, task, n))) return nothing;
    throw notFound(isDropped ? "it was dropped, or removed" : "it was removed");
  }

  function notFound(reason: string, cause?: unknown): AgentctlError {
    const facts = { id: task.id, state: task.state, attempt: n, reason };
    return new AgentctlError("LogNotFound", facts, { cause });
  }
}
