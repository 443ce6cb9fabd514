import { v7 as uuid } from "uuid";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, terminalStates } from "../../core/machine.ts";
import { carriedFields } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import type { Seed } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { moduleHash } from "../files/hash-file.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { refuseEarly } from "./early-errors.ts";

/** Submits a new task from an ended one; `from` starts it at that checkpoint of the old one. */
export async function rerun(
  engine: Engine,
  ref: string | number,
  options: { from?: number; env?: Record<string, string>; acceptMissing?: boolean; actor: string },
): Promise<Task> {
  const old = await engine.require(ref);
  if (!isTerminal(old.state)) {
    const reason = `task ${old.id} is ${old.state}: only a task that has ended can be run again`;
    const data = { id: old.id, state: old.state, allowed: terminalStates, reason };
    throw new AgentctlError("UnsupportedOperation", { ...data, hint: `agentctl cancel ${old.id}` });
  }
  const checkpoint = options.from === undefined ? undefined : await checkpointOf(engine, old, options.from);
  const envHash = engine.environments.put(options.env ?? {});
  let isMade = false;
  try {
    const seed: Seed = {
      ...carriedFields(old),
      uuid: uuid(),
      kind: old.kind,
      argv: old.argv,
      input: old.input,
      module: old.module && { path: old.module.path, sha256: moduleHash(old.module.path) },
      envHash,
      at: engine.clock.now(),
      actor: options.actor,
      ...(checkpoint ? { checkpoint } : {}),
    };
    refuseEarly(engine, seed, options.acceptMissing ?? false);
    const [created] = await engine.store.create([seed]);
    isMade = true;
    engine.wake();
    return (created as { task: Task }).task;
  } finally {
    engine.environments.settle(envHash);
    if (!isMade) await dropUnused(engine);
  }
}

async function checkpointOf(
  engine: Engine,
  old: Task,
  seq: number,
): Promise<NonNullable<Seed["checkpoint"]>> {
  const data = await engine.store.checkpointData(old.id, seq);
  const info = (await engine.store.checkpoints(old.id)).find((known) => known.seq === seq);
  if (!info) throw new AgentctlError("CheckpointNotFound", { id: old.id, state: old.state, seq });
  const steps = (await engine.store.journal(old.id)).filter((step) => step.position <= info.position);
  return { data, info: { ...info, superseded: false }, steps };
}
