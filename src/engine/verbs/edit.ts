import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, openStates } from "../../core/machine.ts";
import { type EditableField, type Submitted, submitted } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { EditChange } from "../../store/edit-change.ts";
import { armTimeout } from "../attempt/timeout.ts";
import type { Engine } from "../engine.ts";
import { fetchEnvironment, keepEnvironment } from "../files/kept-environment.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { requireMachines } from "../machines.ts";
import { onceSettled } from "../once-settled.ts";
import { refuseMoved } from "../refusals.ts";
import { accountChange } from "./agents/account.ts";
import { refuseEarly } from "./early-errors.ts";
import { type AfterInput, dependenciesOf, requireSlots } from "./submit.ts";

/** The fields to change; times in ms since 1970. A label that is null is removed. */
export type Edit = { [F in Exclude<EditableField, "after" | "labels">]?: Submitted[F] } & {
  after?: AfterInput;
  labels?: Record<string, string | null>;
  argv?: string[];
  /** Variables to add to the stored ones. */
  env?: Record<string, string>;
  acceptMissing?: boolean;
};

type Patch = Partial<Pick<Task, EditableField | "argv" | "envHash">>;

/**
 * Changes the submitted fields of an open task; its event has each field before and after. Rejects with `TaskImmutable`
 * if the task has ended, with `UnsupportedOperation` if a field cannot change any more, and with the errors of a
 * submission.
 */
export async function edit(
  engine: Engine,
  ref: string | number,
  edits: Edit,
  { actor }: { actor: string },
): Promise<{ task: Task; changed: boolean }> {
  return await onceSettled(engine, ref, async (task) => {
    requireEditable(task, edits);
    requireSlots(engine, edits);
    if (edits.on) await requireMachines(engine, edits.on);
    const { env, labels, after, acceptMissing = false, ...plain } = edits;
    const patch: Patch = {
      ...plain,
      ...(labels ? { labels: labelsOf(task, labels) } : {}),
      ...(after === undefined ? {} : { after: await dependenciesOf(engine, after ?? []) }),
    };
    const envHash =
      env && (await keepEnvironment(engine, { ...(await fetchEnvironment(engine, task.envHash)), ...env }));
    if (envHash !== undefined) patch.envHash = envHash;
    try {
      return await applyEdit(engine, task, { patch, env, acceptMissing, actor });
    } finally {
      if (envHash !== undefined) {
        engine.environments.settle(envHash);
        await dropUnused(engine);
      }
    }
  });
}

/** Resolves to undefined if the task has changed state in the meantime. */
async function applyEdit(
  engine: Engine,
  task: Task,
  input: { patch: Patch; env: Record<string, string> | undefined; acceptMissing: boolean; actor: string },
): Promise<{ task: Task; changed: boolean } | undefined> {
  const { patch, env, acceptMissing, actor } = input;
  const names = (Object.keys(patch) as (keyof Patch)[]).filter((name) => differs(task[name], patch[name]));
  if (names.length === 0) return { task, changed: false };
  if (names.some((name) => ["argv", "cwd", "envHash", "notBefore"].includes(name)))
    refuseEarly(engine, { ...task, ...patch }, acceptMissing);
  const at = engine.clock.now();
  const eventNames = names.filter((name) => name !== "envHash");
  const eventFields = (values: Patch) =>
    Object.fromEntries(eventNames.map((name) => [name, jsonValue(name, values[name])]));
  // The event has only the names of variables: their values are secrets.
  const data = {
    before: eventFields(task),
    after: eventFields(patch),
    ...(env ? { env: Object.keys(env) } : {}),
  };
  try {
    const { id, state, attempt } = task;
    const fullPatch = await withAccountOf(engine, task, patch);
    const changed = await engine.store.edit({
      id,
      from: { state, attempt },
      patch: fullPatch,
      at,
      actor,
      data,
    });
    const active = engine.active.get(id);
    if (active && patch.timeoutMs !== undefined) armTimeout(engine, active, changed);
    engine.wake();
    return { task: changed, changed: true };
  } catch (error) {
    if (error instanceof AgentctlError && error.name === "TaskImmutable") return undefined;
    throw error;
  }
}

/** Returns the value as the JSON of a task shows it. */
function jsonValue(name: keyof Patch, value: unknown): unknown {
  return name === "notBefore" ? toIso((value ?? null) as number | null) : (value ?? null);
}

/** Adds the account of a new environment to the patch; a start time in the patch overrides the limit of the account. */
async function withAccountOf(engine: Engine, task: Task, patch: Patch): Promise<EditChange["patch"]> {
  if (patch.envHash === undefined) return patch;
  const { account = task.account, ...start } = await accountChange(engine, task, patch.envHash);
  return { account, ...(patch.notBefore === undefined && start), ...patch };
}

const differs = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b);

/** Returns the labels of a task after the change; labels that are null are removed. */
export function labelsOf(task: Task, labels: Record<string, string | null>): Record<string, string> {
  const all = Object.entries({ ...task.labels, ...labels });
  return Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== null));
}

/** Throws for the first field that cannot change in the current state of the task. */
function requireEditable(task: Task, edits: Edit): void {
  const { id, state, kind } = task;
  refuseMoved(task);
  if (isTerminal(state)) throw new AgentctlError("TaskImmutable", { id, state, allowed: openStates });
  if (edits.cwd !== undefined && task.checkout) {
    const reason = `cwd of task ${id} cannot change: it works in a worktree of its own`;
    throw new AgentctlError("UnsupportedOperation", { id, state, field: "cwd", reason });
  }
  for (const [name, value] of Object.entries(edits)) {
    if (value === undefined || name === "acceptMissing") continue;
    const obstacle = fixedReason(task, name);
    if (obstacle === undefined) continue;
    const reason = `${name} of task ${id} cannot change: ${obstacle}`;
    throw new AgentctlError("UnsupportedOperation", { id, state, field: name, reason });
  }
  if (edits.argv && kind !== "program") throw notProgram(task);
}

/** Returns the error for a module or an agent, which has no program to replace. */
export function notProgram({ id, kind }: Task): AgentctlError {
  return new AgentctlError("InvalidParams", {
    field: "argv",
    reason: `task ${id} runs ${kind === "agent" ? "an agent" : "a module"}, not a program`,
    id,
  });
}

/** Returns why the field cannot change; undefined if it can. */
function fixedReason({ state, attempt, frozen }: Task, name: string): string | undefined {
  const row = submitted[name as EditableField] as { editable?: string } | undefined;
  const editable = name === "argv" || name === "env" ? "new" : row?.editable;
  if (editable === "open") return undefined;
  if (editable === "idle")
    return state === "working" || frozen ? `it is ${frozen ? "frozen" : state}` : undefined;
  if (editable === "new" && attempt > 0) return "it has been started before";
  return state === "submitted" ? undefined : `it is ${state}`;
}
