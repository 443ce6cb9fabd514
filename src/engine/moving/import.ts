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
import { type Bundle, readBundle, refused } from "./bundle-file.ts";
import type { Facts, Journal } from "./export.ts";
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
    const bundle = await readBundle<Facts>(path);
    const { facts } = bundle;
    const key = facts.move === null ? `bundle:${facts.id}` : moveKey(facts.move);
    const known = await engine.store.find({ key });
    if (known) return { task: await settleFiles(engine, known), created: false };
    await stage(staging, bundle, key);
    const made = await create(engine, bundle, key, options);
    isMade = true;
    const task = await place(engine, made.task, staging);
    if (facts.move !== null) await dropBundlesOf(engine, facts.move);
    return { task, created: made.created };
  } finally {
    rmSync(path, { force: true });
    // If the files could not be moved to their place, they are kept for a repeated call or the next daemon.
    if (!isMade) await removeTree(staging);
  }
}

/** Unpacks the files of a task into a folder next to the bundle. */
async function stage(staging: string, bundle: Bundle<Facts>, key: string): Promise<void> {
  await removeTree(staging);
  mkdirSync(join(staging, "artifacts"), { recursive: true, mode: 0o700 });
  for (const { name, sha256 } of bundle.facts.artifacts) {
    if (!/^[^/\0]{1,255}$/.test(name) || name === "." || name === "..")
      throw refused(`an artifact is named ${name}`);
    const file = join(staging, "artifacts", name);
    await bundle.copy(`artifact:${name}`, file);
    if ((await sha256OfFile(file)) !== sha256) throw refused(`its artifact ${name} was changed`);
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

async function create(
  engine: Engine,
  bundle: Bundle<Facts>,
  key: string,
  options: ImportOptions,
): Promise<{ task: Task; created: boolean }> {
  const { facts } = bundle;
  const { kind, argv, module, input, pause, progress, startedAt, runMs, pausedMs, ...fields } = facts.task;
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
    const [made] = await engine.store.create([seed]);
    isMade = true;
    return made as { task: Task; created: boolean };
  } finally {
    engine.environments.settle(envHash);
    if (!isMade) await dropUnused(engine);
  }
}

async function variablesOf(
  bundle: Bundle<Facts>,
  passphrase: string | undefined,
): Promise<Record<string, string>> {
  if (bundle.facts.env === "none") return {};
  const kept = await bundle.bytes("env");
  if (bundle.facts.env === "plain") return JSON.parse(kept.toString("utf8"));
  if (passphrase === undefined)
    throw refused(
      "its variables are sealed to a passphrase",
      "--passphrase-file <file>, or AGENTCTL_PASSPHRASE",
    );
  return JSON.parse((await unseal(kept, passphrase)).toString("utf8"));
}

/** Returns the imported steps and checkpoint, with attempt 0: they belong to no attempt of this home. */
async function carriedOf(bundle: Bundle<Facts>): Promise<Carried> {
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
async function place(engine: Engine, task: Task, staging: string): Promise<Task> {
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
  const isOfMove = task.key?.startsWith(moveKey("")) === true;
  return task.held && !isOfMove ? await engine.store.update(task.id, { held: false }) : task;
}

async function settleFiles(engine: Engine, task: Task): Promise<Task> {
  for (const staging of stagings(engine))
    if (keyIn(staging) === task.key) return await place(engine, task, staging);
  return task;
}

function stagings({ places }: Engine): string[] {
  const names = readdirSync(places.bundles).filter((name) => name.endsWith(".bundle.files"));
  return names.map((name) => join(places.bundles, name));
}

function keyIn(staging: string): string | undefined {
  const file = join(staging, "key");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Completes what an earlier daemon left: moves the files of stored tasks to their place, and deletes other files. */
export async function settleImports(engine: Engine): Promise<void> {
  for (const staging of stagings(engine)) {
    const key = keyIn(staging);
    const task = key === undefined ? undefined : await engine.store.find({ key });
    if (task) await place(engine, task, staging);
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
