import { asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import { IllegalMove } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { makeWorktree } from "../files/worktree/make.ts";
import { missingFiles } from "../hosts/host-command.ts";
import { slotsMax } from "../limits.ts";
import type { Cluster } from "../ports.ts";
import { newToken } from "../token.ts";
import { ActiveAttempt } from "./active-attempt.ts";
import { postponeStart, prepareStart, refuse, startRefusal } from "./cannot-start.ts";
import { inheritedBy, launch } from "./launch.ts";
import { thaw } from "./pause/thaw.ts";
import { startedNow } from "./phase-clock.ts";

/** The next task to start, and the numbers of its slots in a numbered queue. */
interface Slots {
  id: number;
  slotNumbers: number[] | null;
}

/** Starts a task that has a slot: continues the process of a frozen one, begins a new attempt of any other. */
export async function start(engine: Engine, { id, slotNumbers }: Slots): Promise<void> {
  engine.starting.add(id);
  let isMakingWorktree = false;
  try {
    const task = await engine.require(id);
    isMakingWorktree = task.checkout?.isMade === false;
    if (isMakingWorktree) void makeTaskWorktree(engine, task);
    else if (task.frozen) await thaw(engine, task);
    else await begin(engine, task, slotNumbers);
  } catch (error) {
    // Something else, such as a cancel or a hold, moved the task first. That stands.
    if (error instanceof IllegalMove || asAgentctlError(error).name === "TaskNotFound") return;
    throw error;
  } finally {
    if (!isMakingWorktree) engine.starting.delete(id);
  }
}

/** Makes the worktree of a task. The task keeps its slot meanwhile, and starts when the queues are next checked. */
async function makeTaskWorktree(engine: Engine, task: Task): Promise<void> {
  const { id, checkout } = task;
  if (!checkout) return;
  try {
    await makeWorktree(engine, checkout);
    await engine.store.update(id, { checkout: { ...checkout, isMade: true } });
  } catch (error) {
    const reason = `cannot make the worktree ${checkout.path} on branch ${checkout.branch}: ${(error as Error).message}`;
    await refuse(engine, task, startRefusal(reason)).catch(() => undefined);
  } finally {
    engine.starting.delete(id);
    engine.wake();
  }
}

/** Fetches the environment and the folder of a task that other machines saved. */
async function fetchSaved({ store }: Engine, cluster: Cluster, task: Task): Promise<void> {
  await cluster.fetchEnvironment(task.envHash);
  if (task.attempt === 0) return;
  const lastAttempt = (await store.attempts(task.id)).at(-1);
  if (lastAttempt && lastAttempt.machine !== cluster.machine) await cluster.files.fetchFolder(task.id);
}

async function begin(engine: Engine, task: Task, slotNumbers: number[] | null): Promise<void> {
  if (engine.cluster) await fetchSaved(engine, engine.cluster, task);
  const prepared = prepareStart(engine, task);
  if ("refusal" in prepared) return await refuse(engine, task, prepared.refusal);
  const host =
    task.kind !== "program"
      ? engine.hosts.take(prepared.env, inheritedBy(task), task.module?.path)
      : undefined;
  const missing = task.kind !== "program" && !host ? missingFiles(engine.places) : undefined;
  if (missing) return await postponeStart(engine, task, missing);
  const token = host?.token ?? newToken();
  const runKey = host?.runKey ?? `${task.id}.${task.attempt + 1}`;
  const process = host?.program ? { pid: host.program.pid, pidStart: host.program.startTime } : {};
  let working: Task;
  try {
    working = await engine.store.apply({
      id: task.id,
      transition: "start",
      attempt: task.attempt,
      at: engine.clock.now(),
      cause: "start",
      actor: "daemon",
      data: startedNow(engine),
      fromQueue: { slotsMax: slotsMax(engine), slotNumbers },
      begin: { token, runKey, bootId: engine.bootId, slotNumbers, ...process },
    });
  } catch (error) {
    if (host) engine.hosts.giveBack(host);
    throw error;
  }
  engine.fault("start:before-launch");
  const attempt = { taskId: task.id, n: working.attempt, token, runKey, saidHello: false, result: null };
  const active = new ActiveAttempt(attempt, working, engine.clock.mono());
  // Not awaited: the next queued task need not wait for this launch.
  void launch(engine, working, active, { env: prepared.env, host });
}
