/**
 * `daemon restore`: replaces the store with a backup. Nothing that happened after the backup may come back to life: ids
 * continue from where they were, and processes of attempts that the backup does not know are ended. The files of those
 * attempts do not become the files of later ones: they are kept beside the replaced store. A crash leaves either the
 * old store, or no store and a draft. Beside a draft, no daemon makes a new store.
 */

import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { systemClock, toIso } from "../core/time.ts";
import { Environments, forgetSeen, sync } from "../engine/index.ts";
import type { Paths } from "../home/paths.ts";
import type { Restored } from "../home/upkeep.ts";
import { createRunner, keyOfRunFile, keyOfStepFile } from "../runner/index.ts";
import {
  dropStore,
  holdWithEnvironment,
  type KnownAttempt,
  numbersOf,
  prepareRestore,
  RESTORING,
  type RestoredStore,
} from "../store/sqlite/index.ts";
import { inCluster } from "./cluster/in-cluster.ts";
import { prepareHome, refuseForeignTasks } from "./home.ts";
import { takeLock } from "./lock.ts";

/** Who restores: the environment to run tasks in, and the token if the caller is an attempt. */
export interface Caller {
  env: Record<string, string>;
  token: string | undefined;
}

/** How long processes of unknown attempts get between SIGTERM and SIGKILL, in ms. */
const GRACE_MS = 5000;

/**
 * Replaces the store with `backup` (a path, or a name in `backups/`). Refuses while a daemon runs. Open tasks whose
 * environment was deleted when they ended get the caller's and are held; such schedules are paused.
 */
export async function restore(paths: Paths, backup: string, caller: Caller): Promise<Restored> {
  if (existsSync(paths.cluster)) throw inCluster("a backup is the store of one home");
  prepareHome(paths);
  const lock = takeLock(paths.lock);
  if (!lock) {
    const reason = `a daemon is running for ${paths.home}, and would go on with the store that it has`;
    throw new AgentctlError("UnsupportedOperation", { reason, hint: "agentctl daemon stop" });
  }
  try {
    await refuseForeignTasks(paths);
    const file = findBackup(paths, backup);
    const draft = paths.database + RESTORING;
    const previous = numbersOf(paths.database);
    const minimums = {
      tasks: Math.max(previous?.tasks ?? 0, ...taskFolders(paths)),
      events: previous?.events ?? null,
    };
    const store = prepareRestore(file, draft, minimums);
    const affected = giveEnvironment(paths, draft, caller.env);
    sync(draft);
    const endedAttempts = await endUnknownProcesses(paths, store.attempts, caller.token);
    dropUnknownRunFiles(paths, store.attempts);
    const setAside = setAsideUnknownFiles(paths, store);
    const madeAt = toIso(Math.round(statSync(file).mtimeMs));
    forgetSeen(paths.home);
    const replaced = replaceStore(paths, draft);
    const { ids, open } = store;
    return {
      backup: file,
      madeAt,
      replaced,
      tasks: ids.size,
      open,
      endedAttempts,
      setAside,
      withoutEnvironment: affected.tasks,
      pausedSchedules: affected.schedules,
    };
  } finally {
    lock.release();
  }
}

function findBackup(paths: Paths, backup: string): string {
  const places = [backup, join(paths.backups, basename(backup))];
  const file = places.find((place) => existsSync(place) && statSync(place).isFile());
  if (file !== undefined) return file;
  const names = existsSync(paths.backups)
    ? readdirSync(paths.backups).filter((name) => name.endsWith(".db"))
    : [];
  const reason = `there is no file ${backup}${names.length > 0 ? `; backups are ${names.sort().join(", ")}` : ""}`;
  throw new AgentctlError("InvalidParams", { field: "backup", reason });
}

function giveEnvironment(paths: Paths, draft: string, env: Record<string, string>) {
  const environments = new Environments(paths.env, () => {});
  return holdWithEnvironment(
    draft,
    (hash) => existsSync(join(paths.env, hash)),
    () => environments.put(env),
  );
}

/** Returns the ids of tasks that have left files: these ids are already in use. */
function taskFolders({ logs, tasks }: Paths): number[] {
  const names = [logs, tasks].filter(existsSync).flatMap((folder) => readdirSync(folder));
  return names.flatMap((name) => /^(\d{1,15})(?:\.|$)/.exec(name)?.[1] ?? []).map(Number);
}

async function endUnknownProcesses(
  paths: Paths,
  attempts: KnownAttempt[],
  callerToken: string | undefined,
): Promise<number> {
  const runner = createRunner({ runDir: paths.run, clock: systemClock });
  const active = new Set(attempts.filter(({ isLive }) => isLive).map(({ token }) => token));
  const strangers = runner
    .marked(paths.home)
    .filter(({ token }) => !active.has(token) && token !== callerToken);
  const tokens = [...new Set(strangers.map(({ token }) => token))];
  await Promise.all(tokens.map((token) => runner.terminate({ key: "", token }, { graceMs: GRACE_MS })));
  return tokens.length;
}

/** The next attempt must not read the status of an attempt that the backup does not know. */
function dropUnknownRunFiles(paths: Paths, attempts: KnownAttempt[]): void {
  const active = new Map(attempts.filter(({ isLive }) => isLive).map(({ runKey, token }) => [runKey, token]));
  const running = new Set(
    createRunner({ runDir: paths.run, clock: systemClock })
      .marked(paths.home)
      .map(({ token }) => token),
  );
  for (const name of readdirSync(paths.run)) {
    const key = keyOfRunFile(name);
    if (key !== undefined && !active.has(key)) rmSync(join(paths.run, name), { force: true });
    const stepKey = keyOfStepFile(name);
    // If its host is gone, the attempt continues from what the backup knows.
    if (stepKey !== undefined && !running.has(active.get(stepKey) ?? "")) {
      rmSync(join(paths.run, name), { force: true });
    }
  }
}

const ASIDE_SUFFIX = ".before-restore";

/**
 * Renames files of tasks and logs of attempts that the backup does not know. Restores the names of files that an
 * earlier restore set aside, if this backup knows them. The replaced store is kept, and so are the files that belong to
 * it.
 */
function setAsideUnknownFiles({ logs, tasks }: Paths, { ids, attempts }: RestoredStore): number[] {
  const setAside = new Set<number>();
  for (const folder of [logs, tasks].filter(existsSync)) {
    for (const id of renameUnknown(folder, /^(\d{1,15})(?:\.kept)?$/, (id) => ids.has(id))) setAside.add(id);
  }
  const knownAttempts = new Set(attempts.map(({ task, n }) => `${task}/${n}`));
  for (const id of ids) {
    const folder = join(logs, String(id));
    if (existsSync(folder)) renameUnknown(folder, /^(\d+)\.log$/, (n) => knownAttempts.has(`${id}/${n}`));
  }
  return [...setAside].sort((a, b) => a - b);
}

/** Renames the numbered entries of a folder; returns the numbers that are not known. */
function renameUnknown(folder: string, pattern: RegExp, isKnown: (number: number) => boolean): number[] {
  const unknown: number[] = [];
  for (const entry of readdirSync(folder)) {
    const isAside = entry.endsWith(ASIDE_SUFFIX);
    const name = isAside ? entry.slice(0, -ASIDE_SUFFIX.length) : entry;
    const number = Number(pattern.exec(name)?.[1]);
    if (Number.isNaN(number)) continue;
    if (!isKnown(number)) unknown.push(number);
    const target = isKnown(number) ? name : `${name}${ASIDE_SUFFIX}`;
    if (target === entry || existsSync(join(folder, target))) continue;
    renameSync(join(folder, entry), join(folder, target));
  }
  return unknown;
}

/** Moves the old store and SQLite's files beside it aside, and the draft into its place. */
function replaceStore({ database }: Paths, draft: string): string | null {
  const stamp = toIso(systemClock.now()).replace(/[:.]/g, "-");
  const aside = `${database}.replaced-${stamp}`;
  const hasStore = existsSync(database);
  if (hasStore) renameSync(database, aside);
  if (existsSync(`${database}-wal`)) renameSync(`${database}-wal`, `${aside}-wal`);
  dropStore(database);
  renameSync(draft, database);
  dropStore(draft);
  sync(dirname(database));
  return hasStore ? aside : null;
}
