import { defined } from "../../core/defined.ts";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { Change } from "../../store/store.ts";
import { canContinue } from "../attempt/conclude.ts";
import { findActive } from "../attempt/find-active.ts";
import { isElsewhere, refuseElsewhere } from "../attempt/pause/elsewhere.ts";
import { reportGone } from "../attempt/pause/thaw.ts";
import type { Engine } from "../engine.ts";
import { moduleHash } from "../files/hash-file.ts";
import { fetchEnvironment, keepEnvironment } from "../files/kept-environment.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { requireMachines } from "../machines.ts";
import { onceSettled } from "../once-settled.ts";
import { hasMoved, notResumable } from "../refusals.ts";
import { accountChange, leaveAccount, withoutLimit } from "./agents/account.ts";
import { type ExtraBudget, raiseLimits } from "./agents/more-budget.ts";
import { send } from "./send.ts";

export interface ResumeOptions extends ExtraBudget {
  /** Continue from this checkpoint instead of the newest. */
  from?: number;
  /** Start again from the beginning. */
  fromStart?: boolean;
  /** Variables to add to the stored environment, or to replace it with if `replaceEnv` is set. */
  env?: Record<string, string>;
  replaceEnv?: boolean;
  module?: string;
  /** In a cluster, the machines that the task may continue on. */
  on?: string[];
  actor: string;
  /** What resumes the task: a user, or the event that ended an automatic pause. */
  cause?: "resume" | "until" | "shutdown" | "lost" | "preempted" | "limit";
}

export interface Resumed {
  task: Task;
  changed: boolean;
  /** Notes for a person, such as that the module file has changed. */
  notes: string[];
}

/**
 * Queues a suspended task again, as `resumed`, and resolves when that is durable. Rejects with `TaskNotResumable`,
 * `CheckpointCorrupt`, or `CheckpointNotFound` if there is nothing to continue from. The task then stays suspended.
 */
export async function resume(engine: Engine, ref: string | number, options: ResumeOptions): Promise<Resumed> {
  return await onceSettled(engine, ref, async (task) => {
    if (task.state !== "suspended") throw notResumable(task);
    if (isElsewhere(engine, task)) {
      if (hasStartPoint(options))
        refuseElsewhere(engine, task, "it can be continued from another place only");
      return await resumeTask(engine, task, options);
    }
    const active = await findActive(engine, task);
    if (active?.pausing) throw notResumable(task, "it is being pressed for its checkpoint");
    if (active?.intent) throw notResumable(task, "it is being canceled");
    if (active && !active.agreesWithStore(task)) return undefined;
    if (!task.frozen) return await resumeTask(engine, task, options);
    if (active?.running && !engine.runner.isGone(active.running))
      return await resumeTask(engine, task, options);
    // Its stopped process is gone: we record that and check the task again.
    await reportGone(engine, task);
    return undefined;
  });
}

async function resumeTask(engine: Engine, task: Task, options: ResumeOptions): Promise<Resumed> {
  if (task.frozen && !hasStartPoint(options)) return await resumeFrozen(engine, task, options);
  const notes: string[] = [];
  const { set, hashes } = await changesOf(engine, task, options, notes);
  const continueFrom = await chooseCheckpoint(engine, task, options);
  if (task.frozen) await endFrozen(engine, task);
  try {
    if (options.message !== undefined)
      await send(engine, task.id, { text: options.message, actor: options.actor });
    const resumed = await applyResume(engine, task, options, {
      set,
      ...defined({ continueFrom }),
    });
    await leaveAccount(engine, task, resumed);
    return { task: resumed, changed: true, notes };
  } finally {
    for (const hash of hashes) engine.environments.settle(hash);
    if (hashes.length > 0) await dropUnused(engine);
  }
}

function hasStartPoint({ from, fromStart }: ResumeOptions): boolean {
  return from !== undefined || fromStart === true;
}

async function resumeFrozen(engine: Engine, task: Task, options: ResumeOptions): Promise<Resumed> {
  if (options.on) refuseMoveOfFrozen(task);
  if (options.env || options.module) {
    const reason = `task ${task.id} is frozen: its process goes on with the environment and the module that it has`;
    const hint = `agentctl pause ${task.id} --mode checkpoint ends it at a checkpoint first`;
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason, hint });
  }
  const resumed = await applyResume(engine, task, options, { set: { pid: task.pid } });
  return { task: resumed, changed: true, notes: [] };
}

function refuseMoveOfFrozen({ id, state, machine }: Task): never {
  const reason = `task ${id} is frozen on machine ${machine}: its process cannot go elsewhere`;
  const hint = `agentctl pause ${id} --mode checkpoint, on that machine, ends it at a checkpoint first`;
  throw new AgentctlError("UnsupportedOperation", { id, state, machine, reason, hint });
}

/** Ends the stopped process of a task that is to start elsewhere. */
async function endFrozen(engine: Engine, task: Task): Promise<void> {
  const active = engine.active.get(task.id);
  if (!active?.running) return;
  active.update({ isDone: true });
  engine.fault("resume:before-end");
  await engine.runner.terminate(active.running, { graceMs: 0 });
  await active.ended.promise;
  engine.fault("resume:after-end");
}

async function applyResume(
  engine: Engine,
  task: Task,
  options: ResumeOptions,
  change: Partial<Change>,
): Promise<Task> {
  const { cause = "resume" } = options;
  try {
    const resumed = await engine.store.apply({
      id: task.id,
      transition: "resume",
      attempt: task.attempt,
      at: engine.clock.now(),
      cause,
      actor: options.actor,
      ...(hasStartPoint(options) ? { data: { from: options.from ?? 0 } } : {}),
      ...change,
      set: { error: null, ...change.set },
    });
    engine.wake();
    return resumed;
  } catch (error) {
    if (hasMoved(error)) throw notResumable(await engine.require(task.id));
    throw error;
  }
}

/** Verifies the checkpoint to continue from, with its journal. Returns its number, or undefined for the current one. */
async function chooseCheckpoint(
  engine: Engine,
  task: Task,
  options: ResumeOptions,
): Promise<number | undefined> {
  if (options.fromStart) return 0;
  if (options.from !== undefined) {
    await engine.store.checkpointData(task.id, options.from);
    const chosen = (await engine.store.checkpoints(task.id)).find(({ seq }) => seq === options.from);
    await engine.store.requireJournal(task.id, chosen?.position);
    return options.from;
  }
  if (task.checkpoint) await engine.store.checkpointData(task.id, task.checkpoint.seq);
  await engine.store.requireJournal(task.id);
  if (!canContinue(task)) throw new AgentctlError("CheckpointNotFound", { id: task.id, state: task.state });
  return undefined;
}

async function changesOf(engine: Engine, task: Task, options: ResumeOptions, notes: string[]) {
  const set: Change["set"] = {};
  const hashes: string[] = [];
  if (options.env) {
    const stored = options.replaceEnv ? {} : await fetchEnvironment(engine, task.envHash);
    set.envHash = await keepEnvironment(engine, { ...stored, ...options.env });
    if (!options.replaceEnv) set.envNames = [...new Set([...task.envNames, ...Object.keys(options.env)])];
    hashes.push(set.envHash);
    Object.assign(set, await accountChange(engine, task, set.envHash));
    if (set.account !== undefined) set.agentReport = withoutLimit(task.agentReport);
  }
  Object.assign(set, raiseLimits(task, options));
  if (options.on) {
    await requireMachines(engine, options.on);
    set.on = options.on;
  }
  if (options.module && task.kind !== "module") {
    const reason = `task ${task.id} runs ${task.kind === "agent" ? "an agent" : "a program"}, not a module`;
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason });
  }
  const path = options.module ?? task.module?.path;
  if (path && task.module && task.kind === "module") {
    const sha256 = moduleHash(path);
    if (sha256 !== task.module.sha256 && sha256 !== "") {
      notes.push(
        `${path} has changed since task ${task.id} began: SHA-256 ${task.module.sha256} is now ${sha256}`,
      );
    }
    set.module = { path, sha256: sha256 || task.module.sha256 };
  }
  return { set, hashes };
}

/**
 * Resumes a task without a user. If that is impossible, the task stays suspended and records why. Returns false if the
 * store failed: nothing is wrong with the task, and the caller must try again. With `pausedUntil`, records the reason
 * only if the pause still ends at that time, because several machines may try to resume the task.
 */
export async function resumeByItself(
  engine: Engine,
  id: number,
  cause: NonNullable<ResumeOptions["cause"]>,
  pausedUntil?: number,
): Promise<boolean> {
  try {
    await resume(engine, id, { actor: "daemon", cause });
  } catch (failure) {
    const error = asAgentctlError(failure);
    if (error.name === "TaskNotResumable" || error.name === "TaskNotFound") return true;
    engine.log.warn({ task: id, error: error.message }, "a task could not be resumed by itself");
    if (error.name === "StoreUnavailable") return false;
    const task = await engine.require(id);
    const corrupt = error.name === "CheckpointCorrupt";
    const pause = task.pause && {
      ...task.pause,
      until: null,
      ...(corrupt ? { cause: "corrupt" as const } : {}),
    };
    const errorFields = { name: error.name, code: error.code, message: error.message, data: error.data };
    const event = { cause: corrupt ? "corrupt" : "cannot-resume", actor: "daemon", at: engine.clock.now() };
    const condition = { states: ["suspended"] as const, ...defined({ pausedUntil }) };
    await engine.store
      .update(id, { pause, error: errorFields, resumesWith: null }, { ...condition, event })
      .catch(() => {});
  }
  return true;
}
