/** Exports a task into one file, with all that it needs to continue in another home. */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import { carriedFields } from "../../core/submitted.ts";
import type { CheckpointInfo, Kept, Message, Moving, Step, Task } from "../../core/task.ts";
import type { NewArtifact } from "../../store/store.ts";
import { canContinue } from "../attempt/conclude.ts";
import type { Engine } from "../engine.ts";
import { bundlePath } from "../files/bundle-path.ts";
import { foldersOf } from "../files/environment.ts";
import { sizeOf } from "../files/size-of.ts";
import { allocatedBytes } from "../files/tree-files.ts";
import { movedAway } from "../refusals.ts";
import { findOutsideLink, pack } from "./archive.ts";
import { type Source, writeBundle } from "./bundle-file.ts";
import { seal } from "./seal.ts";

/** The content of a bundle's first line. */
export interface Manifest {
  /** The id of this bundle: importing it twice makes only one task. */
  id: string;
  move: string | null;
  /** The id that the task had in the home that it comes from. */
  from: number;
  task: Pick<Task, (typeof COPIED_FIELDS)[number]> & ReturnType<typeof carriedFields>;
  checkpoint: CheckpointInfo | null;
  artifacts: NewArtifact[];
  /** How the exported variables are stored in the bundle. */
  env: "none" | "plain" | "sealed";
}

/** The journal section. */
export interface Journal {
  steps: Step[];
  kept: Kept[];
  messages: Omit<Message, "id">[];
}

const COPIED_FIELDS = [
  "kind",
  "argv",
  "module",
  "input",
  "pause",
  "progress",
  "startedAt",
  "runMs",
  "pausedMs",
] as const;

export interface ExportOptions {
  move?: { id: string; to: string; goesOn: boolean };
  /** Whether to export all variables, or none; by default only the explicitly given ones. */
  withEnv?: boolean;
  passphrase?: string;
  actor: string;
}

export interface ExportResult {
  bundle: string;
  size: number;
  sha256: string;
  contents: { what: string; bytes: number }[];
}

/**
 * Writes a bundle of a task that is paused at a checkpoint; with `move`, also marks the task as moving. Rejects with
 * `UnsupportedOperation` for a task in any other state, or one that would export more than `move.maxBytes`.
 */
export async function exportTask(
  engine: Engine,
  ref: string | number,
  options: ExportOptions,
): Promise<ExportResult> {
  const found = await engine.require(ref);
  requirePaused(engine, found);
  const env = variablesOf(engine, found, options.withEnv);
  if (!options.move && !options.passphrase && Object.keys(env).length > 0) throw needsPassphrase(found, env);
  await requireRoom(engine, found);
  const task = options.move ? await markMoving(engine, found, options.move, options.actor) : found;
  const id = randomUUID();
  const path = bundlePath(engine, id);
  const archive = `${path}.tar.part`;
  try {
    const manifest: Manifest = {
      ...manifestOf(task, id),
      env: sealingOf(env, options),
      ...(await savedItems(engine, task)),
    };
    const sources = await sourcesOf(engine, task, {
      env,
      archive,
      facts: manifest,
      passphrase: options.passphrase,
    });
    const written = await writeBundle(path, manifest, sources);
    return { bundle: id, ...written, contents: contentsOf(sources, archive, manifest) };
  } finally {
    rmSync(archive, { force: true });
  }
}

/** Throws unless the task is suspended, no process changes it, and it can continue elsewhere. */
function requirePaused(engine: Engine, task: Task): void {
  const { id, state } = task;
  if (task.error?.name === "Moved") throw movedAway(task);
  const refuse = (reason: string, hint: string) => {
    throw new AgentctlError("UnsupportedOperation", { id, state, reason: `task ${id} ${reason}`, hint });
  };
  if (task.kind === "agent")
    refuse("is a coding agent: its session stays on this machine", `agentctl resume ${id}`);
  if (task.frozen) refuse("is frozen: its process cannot travel", `agentctl pause ${id} --mode checkpoint`);
  if (state === "working" || state === "resumed")
    refuse(`is ${state}: it has to be paused first`, `agentctl task export ${id} --pause`);
  if (isTerminal(state)) refuse(`is ${state}: there is nothing to go on with`, `agentctl rerun ${id}`);
  if (state === "input-required") refuse("waits for its answer", `agentctl answer ${id} <text>`);
  if (state !== "suspended")
    refuse(
      `is ${state}: only one that is paused at a checkpoint can travel`,
      `agentctl run does it in the other home`,
    );
  if (!canContinue(task) || engine.active.has(id))
    refuse(
      "has nothing to go on from elsewhere",
      `agentctl resume ${id}, and pause it when it has saved a checkpoint`,
    );
}

function variablesOf(engine: Engine, task: Task, withEnv: boolean | undefined): Record<string, string> {
  if (withEnv === false) return {};
  const stored = engine.environments.get(task.envHash);
  const names = withEnv ? Object.keys(stored) : task.envNames;
  return Object.fromEntries(
    names.flatMap((name) => (stored[name] === undefined ? [] : [[name, stored[name]]])),
  );
}

function needsPassphrase({ id, state }: Task, env: Record<string, string>): AgentctlError {
  const reason = `task ${id} takes variables along (${Object.keys(env).join(", ")}), which are sealed to a passphrase`;
  const hint = "--passphrase-file <file> or AGENTCTL_PASSPHRASE; or --without-env leaves them here";
  return new AgentctlError("InvalidParams", { field: "passphrase", reason, id, state }, { hint });
}

function sealingOf(env: Record<string, string>, { passphrase }: ExportOptions): Manifest["env"] {
  if (Object.keys(env).length === 0) return "none";
  return passphrase === undefined ? "plain" : "sealed";
}

async function requireRoom(engine: Engine, { id, state, checkpoint }: Task): Promise<void> {
  const { folder, artifacts } = foldersOf(engine, id);
  const steps = await engine.store.stepsOf(id);
  const journal = steps.reduce((sum, { size }) => sum + size, 0);
  const bytes = (await allocatedBytes([folder, artifacts])) + (checkpoint?.size ?? 0) + journal;
  const limit = engine.settings.moveMaxBytes;
  if (bytes > limit) {
    const reason = `task ${id} would take ${bytes} bytes along, and the most is ${limit} (move.maxBytes)`;
    const hint = `agentctl config set move.maxBytes ${bytes * 2}, in both homes; or empty its folder: ${folder}`;
    throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint, size: bytes, limit });
  }
  const link = existsSync(folder) ? await findOutsideLink(folder) : undefined;
  if (!link) return;
  const reason = `the link ${join(folder, link.path)} leads out of the folder of task ${id}, to ${link.target}`;
  const hint = "remove it, or have the task make it again when it begins";
  throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint });
}

async function markMoving(
  engine: Engine,
  task: Task,
  { id: move, to, goesOn }: NonNullable<ExportOptions["move"]>,
  actor: string,
): Promise<Task> {
  if (task.moving) {
    if (task.moving.move === move) return task;
    const reason = `task ${task.id} is on its way to ${task.moving.to} already`;
    const hint = `agentctl move ${task.id} --to ${task.moving.to} finishes that, --abort takes it back`;
    throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason, hint });
  }
  const at = engine.clock.now();
  const moving: Moving = { move, to, at, goesOn };
  engine.fault("move:before-hold");
  const event = { cause: "moving", actor, at };
  const held = await engine.store.update(task.id, { moving }, { states: ["suspended"], event });
  engine.fault("move:after-hold");
  return held;
}

function manifestOf(task: Task, id: string): Pick<Manifest, "id" | "move" | "from" | "task"> {
  const plain = Object.fromEntries(COPIED_FIELDS.map((name) => [name, task[name]])) as Pick<
    Task,
    (typeof COPIED_FIELDS)[number]
  >;
  return { id, move: task.moving?.move ?? null, from: task.id, task: { ...carriedFields(task), ...plain } };
}

async function savedItems(
  engine: Engine,
  { id, checkpoint }: Task,
): Promise<Pick<Manifest, "checkpoint" | "artifacts">> {
  const artifacts = await engine.store.artifacts(id);
  return {
    checkpoint,
    artifacts: artifacts.map(({ name, size, sha256, createdAt }) => ({ name, size, sha256, createdAt })),
  };
}

async function sourcesOf(
  engine: Engine,
  { id, checkpoint }: Task,
  input: { env: Record<string, string>; archive: string; facts: Manifest; passphrase: string | undefined },
): Promise<Source[]> {
  const { store } = engine;
  const { folder, artifacts } = foldersOf(engine, id);
  await store.requireJournal(id);
  const journal: Journal = {
    steps: await store.journal(id),
    kept: await store.kept(id),
    messages: await store.inbox.undelivered(id),
  };
  const sources: Source[] = [{ name: "journal", from: Buffer.from(JSON.stringify(journal)) }];
  const stdin = await store.inbox.stdin(id);
  if (stdin.length > 0) sources.push({ name: "stdin", from: stdin });
  if (checkpoint) sources.push({ name: "checkpoint", from: await store.checkpointData(id, checkpoint.seq) });
  if (input.facts.env !== "none") {
    const env = Buffer.from(JSON.stringify(input.env));
    sources.push({
      name: "env",
      from: input.passphrase === undefined ? env : await seal(env, input.passphrase),
    });
  }
  for (const { name } of input.facts.artifacts)
    sources.push({ name: `artifact:${name}`, from: { file: join(artifacts, name) } });
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    await pack(folder, input.archive);
    sources.push({ name: "folder", from: { file: input.archive } });
  }
  return sources;
}

function contentsOf(sources: readonly Source[], archive: string, { checkpoint, artifacts }: Manifest) {
  const size = ({ name, from }: Source): number => {
    if (Buffer.isBuffer(from)) return from.length;
    if (from.file === archive) return sizeOf(archive);
    return artifacts.find((artifact) => `artifact:${artifact.name}` === name)?.size ?? 0;
  };
  const label = (name: string) =>
    name === "checkpoint" ? `checkpoint ${checkpoint?.seq}` : name.replace(":", " ");
  return sources.map((source) => ({ what: label(source.name), bytes: size(source) }));
}
