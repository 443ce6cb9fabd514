import { chmodSync, existsSync, lstatSync, readdirSync, statfsSync } from "node:fs";
import { join, relative } from "node:path";
import { isTerminal } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import { removeTree, taskOfFolder } from "../../engine/index.ts";
import { isHome } from "../../home/own-home.ts";
import { isOwnName } from "../../home/own-names.ts";
import type { Paths } from "../../home/paths.ts";
import { keyOfRunFile, keyOfStepFile } from "../../runner/index.ts";
import type { Problem, Scene, Tools } from "./problem.ts";

/** With less free space than this, in bytes, a store cannot grow by a checkpoint. */
const MIN_FREE_BYTES = 1024 * 1024;

/** Reports a disk without room for new records. */
export function checkRoom({ home }: Paths): Problem[] {
  if (!existsSync(home)) return [];
  const { bavail, bfree, bsize } = statfsSync(home);
  // Some free blocks may be reserved for root.
  const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  if (free >= MIN_FREE_BYTES) return [];
  const what = `the disk that holds ${home} is full: ${free} bytes are free, so that little or nothing can be recorded`;
  const mend = "free disk space; agentctl delete <tasks> deletes ended tasks with their logs";
  return [{ check: "disk", task: null, what, mend, repair: null }];
}

/** Reports missing environments that open tasks and schedules need, and environments that nothing uses. */
export function checkEnvironments({ db, paths: { env } }: Tools, tasks: Map<number, Task>): Problem[] {
  const existing = new Set(namesIn(env));
  const open = [...tasks.values()].filter(({ state }) => !isTerminal(state));
  const schedules = db.prepare("select name, env_hash as envHash from schedules order by name").all() as {
    name: string;
    envHash: string;
  }[];
  const used = new Set([...open, ...schedules].map(({ envHash }) => envHash));
  const isMissing = ({ envHash }: { envHash: string }) => !existing.has(envHash);
  const missing = open.filter(isMissing).map(({ id, state }): Problem => {
    const what = `the environment of task ${id} is gone`;
    const rerunHint = `agentctl cancel ${id}, then agentctl rerun ${id}`;
    const mend = state === "suspended" ? `agentctl resume ${id} --refresh-env` : rerunHint;
    return { check: "environments", task: id, what, mend, repair: null };
  });
  const schedulesWithout = schedules.filter(isMissing).map(({ name }): Problem => {
    const what = `the environment of schedule ${name} is gone`;
    const mend = `agentctl schedule remove ${name}, then agentctl schedule add ${name} …`;
    return { check: "environments", task: null, what, mend, repair: null };
  });
  const unused = [...existing].filter((name) => !used.has(name) && isOwnName("env", name));
  return [
    ...missing,
    ...schedulesWithout,
    ...unused.map((name): Problem => {
      const what = `the environment ${name.slice(0, 12)} is kept, and no open task or schedule uses it`;
      return removal("environments", what, join(env, name));
    }),
  ];
}

/** Reports run files of attempts that are over. The daemon finds an attempt again by its run files. */
export function checkRunFiles({ tools, attempts, processes }: Scene): Problem[] {
  const active = new Set([
    ...attempts.filter(({ isLive }) => isLive).map(({ runKey }) => runKey),
    // A host that waits for its task has no attempt yet.
    ...keysOf(processes, tools),
  ]);
  const { run } = tools.paths;
  return namesIn(run).flatMap((name) => {
    const key = keyOfRunFile(name) ?? keyOfStepFile(name) ?? /^(.+)\.log$/.exec(name)?.[1];
    if (key === undefined || active.has(key) || !isOwnName("run", name)) return [];
    return [removal("run files", `${name} is of an attempt that is over`, join(run, name))];
  });
}

/** Returns the keys of the attempts, and waiting hosts, whose program is one of these processes. */
function keysOf(processes: Scene["processes"], { paths, runner }: Scene["tools"]): string[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const keys = namesIn(paths.run).flatMap((name) => keyOfRunFile(name) ?? []);
  return keys.filter((key) => pids.has(runner.programOf(key)?.pid ?? 0));
}

/** Reports folders of tasks that are not in the store. */
export function checkFolders({ logs, tasks: folders }: Paths, tasks: Map<number, Task>): Problem[] {
  return [logs, folders].flatMap((folder) =>
    namesIn(folder)
      .filter((name) => {
        const id = taskOfFolder(name);
        return id !== undefined && !tasks.has(id);
      })
      .map((name) =>
        removal("folders", `${join(folder, name)} belongs to a task that does not exist`, join(folder, name)),
      ),
  );
}

const OTHERS = 0o077;

/**
 * Reports files that others could reach, except in the directory of a task and under names that agentctl did not give.
 */
export function checkModes(paths: Paths): Problem[] {
  const problems: Problem[] = [];
  const visit = (path: string) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || stat.isSymbolicLink()) return;
    const mode = stat.mode & 0o777;
    const expectedMode = stat.isDirectory() ? 0o700 : 0o600;
    if ((mode & OTHERS) !== 0) {
      const name = relative(paths.home, path) || path;
      const what = `${name} has mode 0${mode.toString(8)}: others can reach it`;
      const mend = `--repair gives it 0${expectedMode.toString(8)}`;
      problems.push({ check: "modes", task: null, what, mend, repair: () => chmodSync(path, expectedMode) });
    }
    if (!stat.isDirectory()) return;
    const isTaskFolder = /^\d+$/.test(relative(paths.tasks, path));
    if (!isTaskFolder) for (const name of ownNamesIn(path, paths)) visit(join(path, name));
  };
  if (isHome(paths)) visit(paths.home);
  if (existsSync(paths.socket)) visit(paths.socket);
  return problems;
}

/** Returns the names that agentctl gave. Below the folders of tasks and logs these are all names. */
function ownNamesIn(folder: string, paths: Paths): string[] {
  const { home, logs, tasks, backups, env, run } = paths;
  const [kind] =
    Object.entries({ home, logs, tasks, backups, env, run }).find(([, path]) => path === folder) ?? [];
  const names = namesIn(folder);
  return kind === undefined
    ? names
    : names.filter((name) => isOwnName(kind as Parameters<typeof isOwnName>[0], name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removal(check: Problem["check"], what: string, path: string): Problem {
  const repair = () => removeTree(path);
  return { check, task: null, what, mend: "--repair deletes it", repair };
}
