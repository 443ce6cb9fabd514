import { v7 as uuid } from "uuid";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import type { Inherited } from "../../core/inherited.ts";
import { isTerminal, terminalStates } from "../../core/machine.ts";
import { carriedFields, type Dependency } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import type { Carried, Seed } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { copyTaskFolder } from "../files/copy-folder.ts";
import { moduleHash } from "../files/hash-file.ts";
import { keepEnvironment } from "../files/kept-environment.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { withAccount } from "./agents/account.ts";
import { cancel } from "./cancel.ts";
import { refuseEarly } from "./early-errors.ts";
import { type Edit, labelsOf, notProgram } from "./edit.ts";
import { dependenciesOf, requireSlots, withWorktree } from "./submit.ts";

export interface RerunOptions {
  from?: number;
  /** Continue where the old task stopped. */
  goesOn?: boolean;
  env?: Record<string, string>;
  /** Fields that replace those of the old task. */
  edits?: Omit<Edit, "env" | "acceptMissing">;
  inherited?: Inherited;
  acceptMissing?: boolean;
  actor: string;
}

/**
 * Submits a new task from an ended one. With `from` it starts at that checkpoint of the old task; with `goesOn` it gets
 * the last checkpoint and the results of all steps.
 */
export async function rerun(engine: Engine, ref: string | number, options: RerunOptions): Promise<Task> {
  const old = await engine.require(ref);
  if (!isTerminal(old.state)) {
    const reason = `task ${old.id} is ${old.state}: only a task that has ended can be run again`;
    const data = { id: old.id, state: old.state, allowed: terminalStates, reason };
    throw new AgentctlError("UnsupportedOperation", { ...data, hint: `agentctl cancel ${old.id}` });
  }
  const { argv, labels, after, ...plain } = options.edits ?? {};
  if (argv && old.kind !== "program") throw notProgram(old);
  requireSlots(engine, plain);
  const carried = await carriedOf(engine, old, options);
  const envHash = await keepEnvironment(engine, options.env ?? {}, old.envNames);
  let isMade = false;
  try {
    const seed: Seed = {
      ...carriedFields(old),
      // A named branch belongs to the old task, so the new task makes its own.
      ...(old.checkout ? { cwd: old.checkout.cwd, worktree: true as const } : {}),
      inherited: options.inherited ?? old.inherited,
      ...plain,
      ...(labels ? { labels: labelsOf(old, labels) } : {}),
      after:
        after === undefined
          ? await remainingDependencies(engine, old)
          : await dependenciesOf(engine, after ?? []),
      uuid: uuid(),
      kind: old.kind,
      argv: argv ?? old.argv,
      sessionKey: null,
      input: old.input,
      module: old.module && { path: old.module.path, sha256: moduleHash(old.module.path) },
      envHash,
      at: engine.clock.now(),
      actor: options.actor,
      ...defined({ carried }),
      ...(old.stdin === "-" ? { stdinData: await engine.store.inbox.stdin(old.id) } : {}),
    };
    refuseEarly(engine, seed, options.acceptMissing ?? false);
    // If a folder must be copied first, the task is created as held, so that no daemon starts it before the copy.
    const [created] = await engine.store.create([
      await withWorktree(engine, await withAccount(engine, carried ? { ...seed, held: true } : seed)),
    ]);
    isMade = true;
    const { task } = created as { task: Task };
    const ready = carried ? await copyFolderAndRelease(engine, task, { old, actor: options.actor }) : task;
    engine.wake();
    return ready;
  } finally {
    engine.environments.settle(envHash);
    if (!isMade) await dropUnused(engine);
  }
}

/** Returns the dependencies that the old task still waited for when it ended; none if it had already started. */
async function remainingDependencies(engine: Engine, { startedAt, after }: Task): Promise<Dependency[]> {
  if (startedAt !== null) return [];
  const existing = await Promise.all(after.map(({ id }) => engine.store.has(id)));
  return after.filter((_, index) => existing[index]);
}

/** Copies the old task's folder to the new task and releases it. If the copy fails, cancels the new task. */
async function copyFolderAndRelease(
  engine: Engine,
  task: Task,
  { old, actor }: { old: Task; actor: string },
): Promise<Task> {
  try {
    await copyTaskFolder(engine, old.id, task.id);
  } catch (error) {
    const reason = `the folder of task ${old.id} cannot be copied`;
    await cancel(engine, task.id, { graceMs: 0, reason, actor });
    throw error;
  }
  return await engine.store.update(task.id, { held: false });
}

/** Returns what the new task takes over from the old one; undefined if it starts from the beginning. */
async function carriedOf(
  engine: Engine,
  old: Task,
  { from, goesOn = false }: RerunOptions,
): Promise<Carried | undefined> {
  if (goesOn && from !== undefined)
    throw new AgentctlError("InvalidParams", { field: "continue", reason: "give either continue or from" });
  if (goesOn) return await lastState(engine, old);
  return from === undefined ? undefined : await checkpointOf(engine, old, from);
}

/** Returns the last checkpoint, and the results of all steps. */
async function lastState({ store }: Engine, old: Task): Promise<Carried> {
  const { id, state, kind, checkpoint } = old;
  if (kind === "agent") throw agentRefusal(old);
  await store.requireJournal(id);
  const info = checkpoint && { ...checkpoint, superseded: false };
  const carried = {
    checkpoint: info && { info, data: await store.checkpointData(id, info.seq) },
    steps: await store.journal(id),
    kept: await store.kept(id),
  };
  if (info || carried.steps.length + carried.kept.length > 0) return carried;
  const reason = "has no checkpoint and no step to go on from";
  throw new AgentctlError(
    "CheckpointNotFound",
    { id, state, reason },
    { hint: `agentctl rerun ${id} begins again` },
  );
}

/** Returns the error for an agent: it continues in its session, with another prompt than its first one. */
function agentRefusal({ id, state, agent, session, agentReport }: Task): AgentctlError {
  const sessionId = agentReport?.session ?? session;
  const reason = `task ${id} is one of ${agent}, which goes on in its session`;
  const hint = sessionId
    ? `agentctl run --agent ${agent} --session ${sessionId} "<what it is to do now>"`
    : `agentctl rerun ${id}`;
  return new AgentctlError("UnsupportedOperation", { id, state, reason, hint });
}

async function checkpointOf(engine: Engine, old: Task, seq: number): Promise<Carried> {
  const data = await engine.store.checkpointData(old.id, seq);
  const info = (await engine.store.checkpoints(old.id)).find((checkpoint) => checkpoint.seq === seq);
  if (!info) throw new AgentctlError("CheckpointNotFound", { id: old.id, state: old.state, seq });
  const steps = (await engine.store.journal(old.id)).filter((step) => step.position <= info.position);
  return { checkpoint: { data, info: { ...info, superseded: false } }, steps };
}
