/**
 * `agentctl doctor`: compares the store, the processes and the files. It only reads, and runs in its own process. So it
 * works beside a daemon, without one, and on a store that no daemon opens. Beside a running daemon it checks each
 * finding again, because tasks change in between. Only a repair needs exclusive use of the home.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import { systemClock, toIso } from "../../core/time.ts";
import { isMachine } from "../../home/cluster-file.ts";
import { readConfig } from "../../home/config-file.ts";
import { isHome, requireHome } from "../../home/own-home.ts";
import type { Paths } from "../../home/paths.ts";
import type { DoctorOptions, Report } from "../../home/upkeep.ts";
import { findProgram } from "../../runner/cannot-start.ts";
import { createRunner } from "../../runner/index.ts";
import { type Database, openFile } from "../../store/sqlite/file/driver.ts";
import { foreignTables, MIGRATIONS, newestBackup, SCHEMA_VERSION } from "../../store/sqlite/index.ts";
import { refuseForeignTasks } from "../home.ts";
import { takeLock } from "../lock.ts";
import { checkEnvironments, checkFolders, checkModes, checkRoom, checkRunFiles } from "./files.ts";
import { checkAttempts, checkEvents } from "./history.ts";
import { checkHooks } from "./hooks.ts";
import { inspectMachine } from "./machine.ts";
import { checks, type Findings, NO_COUNTS, type Problem, type Tools } from "./problem.ts";
import { checkProcesses } from "./processes.ts";
import { checkStore, checkTasks } from "./rows.ts";
import { checkCheckpoints, checkJournals } from "./saved.ts";

/** Checks that read outside the store's snapshot, where something may have changed since. */
const transientChecks: ReadonlySet<Problem["check"]> = new Set([
  "hooks",
  "processes",
  "environments",
  "run files",
  "folders",
]);

/** A change in progress settles within this time, in ms. A finding that stays longer is a problem. */
const SETTLE_MS = 3000;
const RECHECK_MS = 250;

/** The variables of a daemon that would be started now. */
type Environment = Readonly<Record<string, string>>;

/** Checks everything and returns what was wrong. With `repair`, also repairs it. */
export async function doctor(
  paths: Paths,
  env: Environment,
  { daemonPid, repair }: DoctorOptions,
): Promise<Report> {
  requireHome(paths);
  await refuseForeignTasks(paths);
  const lock = repair && isHome(paths) ? lockHome(paths) : null;
  try {
    const first = await inspect(paths, env, daemonPid);
    let { problems } = first;
    const deadline = systemClock.mono() + SETTLE_MS;
    const hasTransient = () => daemonPid !== null && problems.some(({ check }) => transientChecks.has(check));
    while (hasTransient() && systemClock.mono() < deadline) {
      await sleep(RECHECK_MS);
      const before = new Set(problems.map(identity));
      const recheck = await inspect(paths, env, daemonPid);
      problems = recheck.problems.filter((problem) => before.has(identity(problem)));
    }
    if (repair) await repairAll(paths, env);
    const order = problems.sort((a, b) => checks.indexOf(a.check) - checks.indexOf(b.check));
    return { looked: first.looked, problems: order.map(({ repair: _, key: __, ...reported }) => reported) };
  } finally {
    lock?.release();
  }
}

function identity({ key, what }: Problem): string {
  return key ?? what;
}

function lockHome(paths: Paths): { release: () => void } {
  const lock = takeLock(paths.lock);
  if (lock) return lock;
  throw new AgentctlError("UnsupportedOperation", {
    reason: `a daemon has taken the home ${paths.home} meanwhile`,
    hint: "agentctl doctor --repair",
  });
}

function toolsFor(paths: Paths, daemonPid: number | null, db: Database): Tools {
  const runner = createRunner({ runDir: paths.run, clock: systemClock });
  return { db, paths, runner, daemonPid, now: systemClock.now() };
}

async function inspect(paths: Paths, env: Environment, daemonPid: number | null): Promise<Findings> {
  const fileProblems = [...checkSettings(paths, env), ...checkRoom(paths), ...checkModes(paths)];
  if (!isMachine(paths)) return inspectHome(paths, daemonPid, fileProblems);
  const { looked, problems } = await inspectMachine(toolsFor(paths, daemonPid, openFile(":memory:")));
  return { looked, problems: [...fileProblems, ...problems] };
}

function inspectHome(paths: Paths, daemonPid: number | null, fileProblems: Problem[]): Findings {
  const looked = NO_COUNTS;
  if (!existsSync(paths.database)) {
    const { processes, problems } = withoutStore(paths, daemonPid);
    return {
      looked: { ...looked, processes },
      problems: [...fileProblems, ...missingStore(paths), ...problems],
    };
  }
  let db: Database | undefined;
  try {
    db = openFile(paths.database, { readonly: true, timeout: 5000 });
    // All checks read one snapshot.
    db.exec("begin");
    const tools = toolsFor(paths, daemonPid, db);
    const storeProblems = checkStore(tools);
    const isBroken = storeProblems.some(({ repair }) => repair === null);
    if (isBroken) return { looked, problems: [...storeProblems, ...fileProblems] };
    return inspectStore(tools, [...storeProblems, ...fileProblems]);
  } catch (error) {
    return { looked, problems: [unreadable(paths, error as Error), ...fileProblems] };
  } finally {
    db?.close();
  }
}

/** Reports settings that cannot be read, with which no daemon starts, and one for which a program is missing. */
function checkSettings({ config, home }: Paths, env: Environment): Problem[] {
  const problem = (what: string, mend: string): Problem[] => [
    { check: "settings", task: null, what, mend, repair: null },
  ];
  try {
    const { notify } = readConfig(config);
    const isShown = notify !== "desktop" || process.platform === "darwin";
    if (isShown || findProgram("notify-send", home, env)) return [];
    const mend = "install it (Debian: apt install libnotify-bin), or agentctl config set notify off";
    return problem("desktop notifications are on, but notify-send is not on the PATH", mend);
  } catch (error) {
    return problem((error as Error).message, `mend or remove ${config}`);
  }
}

function inspectStore(tools: Tools, before: Problem[]): Findings {
  const { db, paths, runner } = tools;
  const count = (table: string) => db.prepare(`select count(*) from ${table}`).pluck().get() as number;
  const { tasks, problems } = checkTasks(tools);
  const { attempts, problems: attemptProblems } = checkAttempts(tools, tasks);
  const scene = { tools, attempts, processes: runner.marked(paths.home) };
  const allProblems = [
    ...before,
    ...problems,
    ...attemptProblems,
    ...checkEvents(tools, tasks),
    ...checkCheckpoints(tools, tasks),
    ...checkJournals(tools, tasks),
    ...checkHooks(tools),
    ...checkProcesses(scene),
    ...checkEnvironments(tools, tasks),
    ...checkRunFiles(scene),
    ...checkFolders(paths, tasks),
  ];
  const looked = { tasks: count("tasks"), attempts: count("attempts"), checkpoints: count("checkpoints") };
  return {
    looked: { ...looked, events: count("events"), processes: scene.processes.length },
    problems: allProblems,
  };
}

/** Reports processes of a home without a store: nothing may run there. They were left when the store was removed. */
function withoutStore(paths: Paths, daemonPid: number | null): { processes: number; problems: Problem[] } {
  const tools = toolsFor(paths, daemonPid, openFile(":memory:"));
  const processes = tools.runner.marked(paths.home);
  return { processes: processes.length, problems: checkProcesses({ tools, attempts: [], processes }) };
}

function missingStore(paths: Paths): Problem[] {
  const backup = newestBackup(paths.backups);
  if (!backup) return [];
  const mend = `agentctl daemon restore ${backup}`;
  return [{ check: "store", task: null, what: `${paths.database} is missing`, mend, repair: null }];
}

function unreadable(paths: Paths, { message }: Error): Problem {
  const backup = newestBackup(paths.backups);
  const what = `${paths.database} cannot be read: ${message}`;
  const mend = backup ? `agentctl daemon restore ${backup}` : "there is no backup";
  return { check: "store", task: null, what, mend, repair: null };
}

/** Makes a backup, then repairs one kind of problem after the other: the first repair may solve the rest. */
async function repairAll(paths: Paths, env: Environment): Promise<void> {
  const db = openIntactStore(paths);
  try {
    const stamp = toIso(systemClock.now()).replace(/[:.]/g, "-");
    await db?.backup(join(paths.backups, `${stamp}-before-repair.db`)).catch(() => undefined);
    let { problems } = await inspect(paths, env, null);
    for (const check of checks) {
      const matching = problems.filter((problem) => problem.check === check);
      if (matching.length === 0) continue;
      const tools = toolsFor(paths, null, db ?? openFile(":memory:"));
      for (const { repair } of matching) await repair?.(tools);
      ({ problems } = await inspect(paths, env, null));
    }
  } finally {
    db?.close();
  }
}

/** Opens the store to repair it. Returns null for a file that is not a sound store, which stays untouched. */
function openIntactStore(paths: Paths): Database | null {
  const file = paths.database;
  if (!existsSync(file) || isMachine(paths)) return null;
  const db = openFile(file, { fileMustExist: true });
  try {
    db.pragma("synchronous = full");
    const isCurrent = db.pragma("user_version", { simple: true }) === SCHEMA_VERSION;
    if (isCurrent && foreignTables(db, SCHEMA_VERSION, MIGRATIONS) === null) return db;
  } catch {
    // The checks have already reported what is wrong with it.
  }
  db.close();
  return null;
}
