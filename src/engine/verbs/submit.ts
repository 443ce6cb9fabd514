import { setImmediate as turn } from "node:timers/promises";
import { v7 as uuid } from "uuid";
import { sessionKeyOf } from "../../core/agents.ts";
import { defined } from "../../core/defined.ts";
import { AgentctlError, type ErrorName } from "../../core/errors.ts";
import { type Dependency, type FieldName, type Submitted, withFallbacks } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import { requireFit } from "../../store/rules/slots.ts";
import type { Seed } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { moduleHash } from "../files/hash-file.ts";
import { keepEnvironment } from "../files/kept-environment.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { placeWorktree } from "../files/worktree/place.ts";
import { slotsMax } from "../limits.ts";
import { requireMachines } from "../machines.ts";
import { withAccount } from "./agents/account.ts";
import { refuseAgent, refuseForOthers } from "./agents/refuse-agent.ts";
import { refuseEarly } from "./early-errors.ts";
import { type StdinInput, takeStdin } from "./given-stdin.ts";

/** After this many tasks, a long batch lets other work run; that many tasks take about 30 ms. */
const BATCH_SIZE = 500;

type Ref = string | number;
/** The tasks to wait for: one that must complete, or several, each with its own condition. */
export type AfterInput = Ref | (Ref | { id: Ref; when?: Dependency["when"] | undefined })[] | null;

/** A task to submit, as the socket's `tasks/create` describes it; times in ms since 1970. */
export type Submission = { [F in Exclude<FieldName, "after" | "stdin">]?: Submitted[F] | undefined } & {
  stdin?: StdinInput | undefined;
  argv?: string[];
  module?: string;
  input?: unknown;
  env?: Record<string, string>;
  /** The names of variables in `env` that were given explicitly. */
  envNames?: string[];
  after?: AfterInput;
  /** Accept tasks that cannot start yet because something is missing. */
  acceptMissing?: boolean;
};

/**
 * Submits all tasks or none; resolves when they are durable. If a task of a batch is refused, the error identifies it:
 * its `field` begins with `tasks.<n>`.
 */
export async function submit(
  engine: Engine,
  submissions: Submission[],
  actor: string,
  { isBatch = false }: { isBatch?: boolean } = {},
): Promise<{ task: Task; created: boolean }[]> {
  const hashes: string[] = [];
  let isAllNew = false;
  try {
    const seeds: Seed[] = [];
    // Most tasks of a batch share one environment object, so we write and hash it only once.
    const hashByEnv = new Map<object | undefined, string>();
    const earlierIds = new Map<string, number>();
    for (const [index, submission] of submissions.entries()) {
      if (index > 0 && index % BATCH_SIZE === 0) await turn();
      if (submission.on) await requireMachines(engine, submission.on);
      const envHash =
        hashByEnv.get(submission.env) ??
        (await keepEnvironment(engine, submission.env ?? {}, submission.envNames ?? []));
      if (!hashByEnv.has(submission.env)) hashes.push(envHash);
      hashByEnv.set(submission.env, envHash);
      const seed = seedOf(engine, submission, { envHash, actor, earlierIds });
      if (submission.name) earlierIds.set(submission.name, temporaryId(index));
      seeds.push(await (isBatch ? seed.catch((error: unknown) => refuseAt(index, error)) : seed));
    }
    const results = await engine.store.create(seeds);
    isAllNew = results.every(({ created }) => created);
    engine.wake();
    return results;
  } finally {
    for (const hash of hashes) engine.environments.settle(hash);
    if (!isAllNew) await dropUnused(engine);
  }
}

/** Throws what `submit` would throw for this submission, and stores nothing; its environment is already stored. */
export async function checkSubmission(
  engine: Engine,
  submission: Submission,
  envHash: string,
): Promise<void> {
  const { queue, slots } = await seedOf(engine, submission, { envHash, actor: "", earlierIds: new Map() });
  const stored = (await engine.store.queues()).find(({ name }) => name === queue);
  if (!stored) throw new AgentctlError("QueueNotFound", { queue });
  requireFit({ queue, slots }, stored.slots);
}

/** Rethrows the error with the index of the refused task in its batch. */
function refuseAt(index: number, error: unknown): never {
  if (!(error instanceof AgentctlError)) throw error;
  const { message, hint, data } = error;
  if (error.name !== "InvalidParams")
    throw new AgentctlError(
      error.name as ErrorName,
      { ...data, at: index },
      { message, ...(hint ? { hint } : {}) },
    );
  const field = `tasks.${index}.${data.field}`;
  throw new AgentctlError("InvalidParams", { ...data, field }, hint ? { hint } : {});
}

/** Returns a temporary id that later tasks of a batch use to depend on an earlier task, which has no id yet. */
function temporaryId(index: number): number {
  return -(index + 1);
}

interface SeedContext {
  envHash: string;
  actor: string;
  /** The names of earlier tasks in the batch, with their temporary ids. */
  earlierIds: ReadonlyMap<string, number>;
}

/** A seed with every field: setting existing fields costs a tenth of adding them to so large an object. */
const blankSeed: Seed = {
  ...withFallbacks({}),
  uuid: "",
  kind: "program",
  sessionKey: null,
  argv: null,
  module: null,
  input: undefined,
  envNames: [],
  envHash: "",
  at: 0,
  actor: "",
};

async function seedOf(
  engine: Engine,
  submission: Submission,
  { envHash, actor, earlierIds }: SeedContext,
): Promise<Seed> {
  const kind = kindOf(submission);
  if (kind === "agent") refuseAgent(submission, engine.settings.agents);
  else refuseForOthers(submission);
  if (submission.argv?.[0] === "") {
    throw new AgentctlError("InvalidParams", { field: "argv", reason: "the program's name is empty" });
  }
  if (submission.input !== undefined && submission.module === undefined) {
    throw new AgentctlError("InvalidParams", { field: "input", reason: "only a task module takes an input" });
  }
  const after = await dependenciesOf(engine, submission.after ?? [], earlierIds);
  requireSlots(engine, submission);
  const { stdin, stdinData } = takeStdin(engine, submission);
  const { argv = null, input } = submission;
  const module = kind === "agent" ? engine.places.agents : submission.module;
  const seed: Seed = {
    ...blankSeed,
    ...withFallbacks({
      ...submission,
      after,
      stdin,
      cwd: submission.cwd ?? submission.env?.HOME ?? engine.baseEnv.HOME,
    }),
    uuid: uuid(),
    kind,
    sessionKey: sessionKey(submission),
    argv,
    module: module === undefined ? null : { path: module, sha256: moduleHash(module) },
    input,
    envNames: submission.envNames ?? [],
    envHash,
    at: engine.clock.now(),
    actor,
    ...defined({ stdinData }),
  };
  // A submission with a key that exists starts nothing, so we do not check its files and times.
  const isKnown = seed.key !== null && (await engine.store.has({ key: seed.key }));
  if (isKnown) return seed;
  refuseEarly(engine, seed, submission.acceptMissing ?? false);
  return await withWorktree(engine, await withAccount(engine, seed));
}

/** Adds the place of the worktree, if the task gets one. Throws `InvalidParams`, field `worktree`. */
export async function withWorktree(engine: Engine, seed: Seed): Promise<Seed> {
  const { cwd, worktree: branch, name, prompt } = seed;
  if (branch === null) return seed;
  if (seed.kind !== "agent") {
    const reason = "a worktree is for coding agents (--agent): its branch could be taken for the program";
    throw new AgentctlError("InvalidParams", { field: "worktree", reason });
  }
  return { ...seed, placed: await placeWorktree(engine, { cwd, branch, title: name ?? prompt ?? "" }) };
}

function kindOf({ argv, module, agent }: Submission): Task["kind"] {
  const programs = [argv, module, agent ?? undefined].filter((each) => each !== undefined);
  if (programs.length !== 1) {
    const reason = "a task has one of argv, module and agent";
    throw new AgentctlError("InvalidParams", { field: "argv", reason });
  }
  if (argv !== undefined) return "program";
  return module === undefined ? "agent" : "module";
}

function sessionKey({ agent, session }: Submission): string | null {
  return agent && session ? sessionKeyOf(agent, session) : null;
}

/** Rejects with `TaskNotFound` for an unknown task. A task cannot wait for a later one, so no cycle is possible. */
export async function dependenciesOf(
  engine: Engine,
  after: NonNullable<AfterInput>,
  earlierIds: ReadonlyMap<unknown, number> = new Map(),
): Promise<Dependency[]> {
  const dependencies = new Map<number, Dependency>();
  for (const item of Array.isArray(after) ? after : [after]) {
    const { id: ref, when = "completed" } = typeof item === "object" ? item : { id: item };
    const id = earlierIds.get(ref) ?? (await engine.require(ref)).id;
    const existing = dependencies.get(id);
    if (existing && existing.when !== when) {
      const reason = `task ${id < 0 ? ref : id} cannot be both: ${existing.when} and ${when}`;
      throw new AgentctlError("InvalidParams", { field: "after", reason });
    }
    dependencies.set(id, { id, when });
  }
  return [...dependencies.values()];
}

/** Throws if a task takes more slots than all queues together have: it would never start. */
export function requireSlots(engine: Engine, { slots = 1 }: { slots?: number | undefined }): void {
  // In a cluster, another machine may have more slots.
  const maxSlots = engine.cluster ? null : slotsMax(engine);
  if (maxSlots === null || slots <= Math.max(1, maxSlots)) return;
  const reason = `${slots} are more slots than all queues together have: ${maxSlots}`;
  const hint = `agentctl config set slots.max ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, slots: maxSlots }, { hint });
}
