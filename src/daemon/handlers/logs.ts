import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Attempt, Task } from "../../core/task.ts";
import type { Handlers, Params, Result } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";
import { isHere, logsElsewhere, readElsewhere } from "./elsewhere.ts";
import { logsHere, readHere } from "./logs-here.ts";
import { PIECE_BYTES, type Wanted } from "./piece.ts";

/** How often we check for new output, in ms. */
const LOOK_EVERY_MS = 50;
const LONGEST_WAIT_MS = 60_000;
/** How long one request to another machine waits for output, in ms. Then we ask again. */
const LONGEST_ASK_MS = 2000;

export function logHandlers(daemon: Daemon): Pick<Handlers<Caller>, "logs/path" | "logs/read"> {
  const { engine } = daemon;
  return {
    "logs/path": async ({ id, attempt, raw = false }) => {
      const task = await engine.require(id);
      const attempts = await attemptsOf(daemon, task, attempt);
      const [here, there] = [true, false].map((wanted) =>
        attempts.filter(({ machine }) => isHere(daemon, machine) === wanted),
      ) as [Attempt[], Attempt[]];
      const own = logsHere(daemon, task, here, raw);
      const others = await logsElsewhere(daemon, task, there, raw);
      return {
        logs: [...own.logs, ...others.logs].sort((a, b) => a.attempt - b.attempt),
        missing: [...own.missing, ...others.missing],
        away: others.away,
        task: await show(daemon, task),
      };
    },

    "logs/read": async (params, caller) => await read(daemon, params, caller),
  };
}

async function attemptsOf(daemon: Daemon, task: Task, n: number | undefined): Promise<Attempt[]> {
  const all = await daemon.engine.store.attempts(task.id);
  if (n === undefined) return all;
  const found = all.filter((attempt) => attempt.n === n);
  if (found.length > 0) return found;
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
  const until = engine.clock.mono() + Math.min(waitMs, LONGEST_WAIT_MS);
  for (;;) {
    const task = await engine.require(id);
    const n = attempt ?? task.attempt;
    const [one] = n === 0 && attempt === undefined ? [] : await attemptsOf(daemon, task, n);
    // An attempt that has not begun yet will still print.
    const live = one ? one.endedAt === null : !isTerminal(task.state);
    const left = Math.max(0, Math.min(LONGEST_ASK_MS, until - engine.clock.mono()));
    const found = await bytesOf(daemon, { task, n, one }, { offset, fromEnd, length, raw, waitMs: left });
    const hasEnough = found.data !== "" || !live || length === 0;
    if (hasEnough || engine.clock.mono() >= until || caller.signal.aborted || engine.isStopping)
      return { ...found, live };
    await sleep(LOOK_EVERY_MS);
  }
}

async function bytesOf(
  daemon: Daemon,
  { task, n, one }: { task: Task; n: number; one: Attempt | undefined },
  wanted: Wanted & { raw: boolean; waitMs: number },
): Promise<Omit<Result<"logs/read">, "live">> {
  if (one && !isHere(daemon, one.machine)) return await readElsewhere(daemon, one, wanted);
  const { data, ...place } = await readHere(daemon, task, n, wanted);
  return { data: data.toString("base64"), ...place, missing: null };
}
