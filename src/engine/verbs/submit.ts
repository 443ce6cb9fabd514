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
import { type GivenStdin, takenStdin } from "./given-stdin.ts";

/** After this many tasks, a long batch lets other work run; that many tasks take about 30 ms. */
const AT_A_TURN = 500;

type Ref = string | number;
/** The tasks to wait for: one that must complete, or several, each with its own condition. */
export type GivenAfter = Ref | (Ref | { id: Ref; when?: Dependency["when"] | undefined })[] | null;

/** A task to submit, as the socket's `tasks/create` describes it; times in ms since 1970. */
export type Submission = { [F in Exclude<FieldName, "after" | "stdin">]?: Submitted[F] | undefined } & {
  stdin?: GivenStdin | undefined;
  argv?: string[];
  module?: string;
  input?: unknown;
  env?: Record<string, string>;
  /** The names of variables in `env` that were given explicitly. */
  envNames?: string[];
  after?: GivenAfter;
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
    const known = new Map<object | undefined, string>();
    const earlier = new Map<string, number>();
    for (const [at, submission] of submissions.entries()) {
      if (at > 0 && at % AT_A_TURN === 0) await turn();
      if (submission.on) await requireMachines(engine, submission.on);
      const envHash =
        known.get(submission.env) ??
        (await keepEnvironment(engine, submission.env ?? {}, submission.envNames ?? []));
      if (!known.has(submission.env)) hashes.push(envHash);
      known.set(submission.env, envHash);
      const seed = seedOf(engine, submission, { envHash, actor, earlier });
      if (submission.name) earlier.set(submission.name, placeInBatch(at));
      seeds.push(await (isBatch ? seed.catch((error: unknown) => refuseAt(at, error)) : seed));
    }
    const made = await engine.store.create(seeds);
    isAllNew = made.every(({ created }) => created);
    engine.wake();
    return made;
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
  const { queue, slots } = await seedOf(engine, submission, { envHash, actor: "", earlier: new Map() });
  const found = (await engine.store.queues()).find(({ name }) => name === queue);
  if (!found) throw new AgentctlError("QueueNotFound", { queue });
  requireFit({ queue, slots }, found.slots);
}

/** Rethrows the error with the index of the refused task in its batch. */
function refuseAt(at: number, error: unknown): never {
  if (!(error instanceof AgentctlError)) throw error;
  const { message, hint, data } = error;
  if (error.name !== "InvalidParams")
    throw new AgentctlError(error.name as ErrorName, { ...data, at }, { message, ...(hint ? { hint } : {}) });
  const field = `tasks.${at}.${data.field}`;
  throw new AgentctlError("InvalidParams", { ...data, field }, hint ? { hint } : {});
}

/** Returns a temporary id that later tasks of a batch use to depend on an earlier task, which has no id yet. */
function placeInBatch(at: number): number {
  return -(at + 1);
}

interface Surroundings {
  envHash: string;
  actor: string;
  /** The names of earlier tasks in the batch, with their temporary ids. */
  earlier: ReadonlyMap<string, number>;
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
  given: Submission,
  { envHash, actor, earlier }: Surroundings,
): Promise<Seed> {
  const kind = kindOf(given);
  if (kind === "agent") refuseAgent(given, engine.settings.agents);
  else refuseForOthers(given);
  if (given.argv?.[0] === "") {
    throw new AgentctlError("InvalidParams", { field: "argv", reason: "the program's name is empty" });
  }
  if (given.input !== undefined && given.module === undefined) {
    throw new AgentctlError("InvalidParams", { field: "input", reason: "only a task module takes an input" });
  }
  const after = await dependenciesOf(engine, given.after ?? [], earlier);
  requireSlots(engine, given);
  const { stdin, stdinData } = takenStdin(engine, given);
  const { argv = null, input } = given;
  const module = kind === "agent" ? engine.places.agents : given.module;
  const seed: Seed = {
    ...blankSeed,
    ...withFallbacks({ ...given, after, stdin, cwd: given.cwd ?? given.env?.HOME ?? engine.baseEnv.HOME }),
    uuid: uuid(),
    kind,
    sessionKey: sessionKey(given),
    argv,
    module: module === undefined ? null : { path: module, sha256: moduleHash(module) },
    input,
    envNames: given.envNames ?? [],
    envHash,
    at: engine.clock.now(),
    actor,
    ...defined({ stdinData }),
  };
  // A submission with a key that exists starts nothing, so we do not check its files and times.
  const isKnown = seed.key !== null && (await engine.store.has({ key: seed.key }));
  if (isKnown) return seed;
  refuseEarly(engine, seed, given.acceptMissing ?? false);
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
  const given = [argv, module, agent ?? undefined].filter((each) => each !== undefined);
  if (given.length !== 1) {
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
  given: NonNullable<GivenAfter>,
  earlier: ReadonlyMap<unknown, number> = new Map(),
): Promise<Dependency[]> {
  const found = new Map<number, Dependency>();
  for (const one of Array.isArray(given) ? given : [given]) {
    const { id: ref, when = "completed" } = typeof one === "object" ? one : { id: one };
    const id = earlier.get(ref) ?? (await engine.require(ref)).id;
    const known = found.get(id);
    if (known && known.when !== when) {
      const reason = `task ${id < 0 ? ref : id} cannot be both: ${known.when} and ${when}`;
      throw new AgentctlError("InvalidParams", { field: "after", reason });
    }
    found.set(id, { id, when });
  }
  return [...found.values()];
}

/** Throws if a task takes more slots than all queues together have: it would never start. */
export function requireSlots(engine: Engine, { slots = 1 }: { slots?: number | undefined }): void {
  // In a cluster, another machine may have more slots.
  const most = engine.cluster ? null : slotsMax(engine);
  if (most === null || slots <= Math.max(1, most)) return;
  const reason = `${slots} are more slots than all queues together have: ${most}`;
  const hint = `agentctl config set slots.max ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, slots: most }, { hint });
}
