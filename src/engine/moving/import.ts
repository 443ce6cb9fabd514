/**
 * Imports a task of another home. The task is stored, held, before its files are moved to their place. If the daemon
 * dies in between, the next one moves them. Importing the same bundle twice makes only one task.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { v7 as uuid } from "uuid";
import type { Task } from "../../core/task.ts";
import { sync } from "../../home/durable.ts";
import type { Carried, Seed } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { bundlePath } from "../files/bundle-path.ts";
import { foldersOf } from "../files/environment.ts";
import { sha256OfFile } from "../files/hash-file.ts";
import { keepEnvironment } from "../files/kept-environment.ts";
import { removeTree } from "../files/tree-files.ts";
import { dropUnused } from "../files/unused-environments.ts";
import { accountOf } from "../verbs/agents/account.ts";
import { refuseEarly } from "../verbs/early-errors.ts";
import { resume } from "../verbs/resume.ts";
import { requireSlots } from "../verbs/submit.ts";
import { unpack } from "./archive.ts";
import { type Bundle, bundleRefusal, readBundle } from "./bundle-file.ts";
import type { Journal, Manifest } from "./export.ts";
import { unseal } from "./seal.ts";
import { dropBundlesOf } from "./upload.ts";

export interface ImportOptions {
  cwd?: string;
  module?: string;
  env?: Record<string, string>;
  passphrase?: string;
  actor: string;
}

/** Returns the key of a task that arrives by this move. */
export const moveKey = (move: string) => `move:${move}`;

/** Imports the task of a bundle; deletes the bundle, even if it is refused. Rejects with `BundleRefused`. */
export async function importTask(
  engine: Engine,
  id: string,
  options: ImportOptions,
): Promise<{ task: Task; created: boolean }> {
  const path = bundlePath(engine, id);
  const staging = `${path}.files`;
  let isMade = false;
  try {
    const bundle = await readBundle<Manifest>(path);
    const { facts: manifest } = bundle;
    const key = manifest.move === null ? `bundle:${manifest.id}` : moveKey(manifest.move);
    const existing = await engine.store.find({ key });
    if (existing) return { task: await settleFiles(engine, existing), created: false };
    await stageFiles(staging, bundle, key);
    const result = await createTask(engine, bundle, key, options);
    isMade = true;
    const task = await placeFiles(engine, result.task, staging);
    if (manifest.move !== null) await dropBundlesOf(engine, manifest.move);
    return { task, created: result.created };
  } finally {
    rmSync(path, { force: true });
    // If the files could not be moved to their place, they are kept for a repeated call or the next daemon.
    if (!isMade) await removeTree(staging);
  }
}

/** Unpacks the files of a task into a folder next to the bundle. */
async function stageFiles(staging: string, bundle: Bundle<Manifest>, key: string): Promise<void> {
  await removeTree(staging);
  mkdirSync(join(staging, "artifacts"), { recursive: true, mode: 0o700 });
  for (const { name, sha256 } of bundle.facts.artifacts) {
    if (!/^[^/\0]{1,255}$/.test(name) || name === "." || name === "..")
      throw bundleRefusal(`an artifact is named ${name}`);
    const file = join(staging, "artifacts", name);
    await bundle.copy(`artifact:${name}`, file);
    if ((await sha256OfFile(file)) !== sha256) throw bundleRefusal(`its artifact ${name} was changed`);
  }
  if (bundle.has("folder")) {
    const archive = join(staging, "folder.tar");
    await bundle.copy("folder", archive);
    await unpack(archive, join(staging, "folder"));
    rmSync(archive);
  }
  writeFileSync(join(staging, "key"), key, { mode: 0o600 });
  sync(staging);
}

async function createTask(
  engine: Engine,
  bundle: Bundle<Manifest>,
  key: string,
  options: ImportOptions,
): Promise<{ task: Task; created: boolean }> {
  const { facts: manifest } = bundle;
  const { kind, argv, module, input, pause, progress, startedAt, runMs, pausedMs, ...fields } = manifest.task;
  const env = { ...(await variablesOf(bundle, options.passphrase)), ...options.env };
  const stdinData = bundle.has("stdin") ? await bundle.bytes("stdin") : undefined;
  const envHash = await keepEnvironment(engine, env);
  let isMade = false;
  try {
    const seed: Seed = {
      ...fields,
      key,
      held: true,
      cwd: options.cwd ?? fields.cwd,
      uuid: uuid(),
      kind,
      argv,
      input,
      module: module && { ...module, path: options.module ?? module.path },
      envHash,
      envNames: Object.keys(env),
      sessionKey: null,
      account: accountOf(engine, { ...fields, envHash }),
      at: engine.clock.now(),
      actor: options.actor,
      carried: await carriedOf(bundle),
      paused: { pause, progress, startedAt, runMs, pausedMs },
      ...(stdinData ? { stdinData } : {}),
    };
    requireSlots(engine, seed);
    refuseEarly(engine, seed, false);
    const [result] = await engine.store.create([seed]);
    isMade = true;
    return result as { task: Task; created: boolean };
  } finally {
    engine.environments.settle(envHash);
    if (!isMade) await dropUnused(engine);
  }
}

async function variablesOf(
  bundle: Bundle<Manifest>,
  passphrase: string | undefined,
): Promise<Record<string, string>> {
  if (bundle.facts.env === "none") return {};
  const bytes = await bundle.bytes("env");
  if (bundle.facts.env === "plain") return JSON.parse(bytes.toString("utf8"));
  if (passphrase === undefined)
    throw bundleRefusal(
      "its variables are sealed to a passphrase",
      "--passphrase-file <file>, or AGENTCTL_PASSPHRASE",
    );
  return JSON.parse((await unseal(bytes, passphrase)).toString("utf8"));
}

/** Returns the imported steps and checkpoint, with attempt 0: they belong to no attempt of this home. */
async function carriedOf(bundle: Bundle<Manifest>): Promise<Carried> {
  const { checkpoint, artifacts } = bundle.facts;
  const journal = JSON.parse((await bundle.bytes("journal")).toString("utf8")) as Journal;
  return {
    checkpoint: checkpoint && {
      data: await bundle.bytes("checkpoint"),
      info: { ...checkpoint, attempt: 0, superseded: false },
    },
    steps: journal.steps.map((step) => ({ ...step, attempt: 0 })),
    kept: journal.kept,
    messages: journal.messages,
    artifacts,
  };
}

/** Moves the files of a task that has not started here to their place, and releases it unless it arrived by a move. */
async function placeFiles(engine: Engine, task: Task, staging: string): Promise<Task> {
  const { folder, artifacts } = foldersOf(engine, task.id);
  engine.fault("import:before-files");
  if (task.held && task.attempt === 0) {
    if (existsSync(join(staging, "folder")) && !existsSync(folder))
      renameSync(join(staging, "folder"), folder);
    if (existsSync(join(staging, "artifacts")) && !existsSync(artifacts)) {
      mkdirSync(dirname(artifacts), { recursive: true, mode: 0o700 });
      renameSync(join(staging, "artifacts"), artifacts);
      sync(dirname(artifacts));
    }
    sync(engine.places.tasks);
  }
  engine.fault("import:after-files");
  await removeTree(staging);
  const isMove = task.key?.startsWith(moveKey("")) === true;
  return task.held && !isMove ? await engine.store.update(task.id, { held: false }) : task;
}

async function settleFiles(engine: Engine, task: Task): Promise<Task> {
  for (const staging of stagings(engine))
    if (readKey(staging) === task.key) return await placeFiles(engine, task, staging);
  return task;
}

function stagings({ places }: Engine): string[] {
  const names = readdirSync(places.bundles).filter((name) => name.endsWith(".bundle.files"));
  return names.map((name) => join(places.bundles, name));
}

function readKey(staging: string): string | undefined {
  const file = join(staging, "key");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Completes what an earlier daemon left: moves the files of stored tasks to their place, and deletes other files. */
export async function settleImports(engine: Engine): Promise<void> {
  for (const staging of stagings(engine)) {
    const key = readKey(staging);
    const task = key === undefined ? undefined : await engine.store.find({ key });
    if (task) await placeFiles(engine, task, staging);
    else await removeTree(staging);
  }
}

/**
 * Does the last step of a move, in the target home: releases the task, and resumes it with `goesOn`, which is set if
 * its pause was not requested by a user. Has an effect only once: later changes of the task are left alone.
 */
export async function arrive(
  engine: Engine,
  ref: string | number,
  { goesOn, actor }: { goesOn: boolean; actor: string },
): Promise<Task> {
  const task = await engine.require(ref);
  if (!task.held) return task;
  engine.fault("import:before-release");
  // The task is held, so it does not start before the release. A repeated call continues from the state it finds.
  if (goesOn && task.state === "suspended") await resume(engine, task.id, { actor });
  const released = await engine.store.update(task.id, { held: false });
  engine.fault("import:after-release");
  engine.wake();
  return released;
}
