/** Functions for the tests about dying daemons and machines. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../harness/home.ts";
import { isAnyBetween, processes, signalTo } from "../harness/processes.ts";
import { sqlite } from "../harness/sqlite.ts";
import { until } from "../harness/until.ts";
import { notesIn } from "./facts.ts";
import { bearers, isGuard } from "./processes-of-tasks.ts";

/** Submits a task over the socket, after starting the daemon if needed. Returns its id. */
export async function submit(home: Home, task: object): Promise<number> {
  mkdirSync(home.file("witness"), { recursive: true });
  if (!existsSync(home.socket)) await wake(home);
  const { task: made } = await home.rpc("tasks/create", { cwd: home.work, env: home.env, ...task });
  return made.id;
}

/** Runs a command that starts a daemon if none runs. */
export async function wake(home: Home): Promise<void> {
  const { code, stderr } = await home.cli("daemon", "start");
  if (code !== 0) throw new Error(`daemon start: code ${code}, ${stderr}`);
}

export function notes(home: Home, id: number) {
  return notesIn(join(home.file("witness"), String(id)));
}

/** Returns how often the task wrote such a note, in all attempts. */
export function count(home: Home, id: number, what: string, text?: string): number {
  return notes(home, id).filter((note) => note.what === what && (text === undefined || note.text === text))
    .length;
}

/** Waits until the task has written such a note. */
export async function noted(home: Home, id: number, what: string, text?: string): Promise<void> {
  await until(() => count(home, id, what, text) > 0, { message: `${what} ${text ?? ""} of task ${id}` });
}

/** Waits until the task runs and its program has a pid. Returns the task. */
export async function atWork(home: Home, id: number) {
  return await until(async () => {
    const task = await home.task(id);
    return task.state === "working" && task.pid !== null && task;
  });
}

export function open(home: Home, gate = "gate"): void {
  writeFileSync(home.file(gate), "");
}

/** Kills the daemon and every process of every task, guards first, so that nobody records how a program ended. */
export async function killEverything(home: Home): Promise<void> {
  await home.killDaemon();
  await killTasks(home);
}

async function killTasks(home: Home): Promise<void> {
  const all = () => [...processes(home.root).filter(isGuard), ...bearers(home)];
  await until(() => {
    for (const { pid } of all()) signalTo(pid, "SIGKILL");
    return !isAnyBetween() && all().length === 0;
  });
}

/** Simulates a power failure and a reboot: no process is left, and all process records name another boot. */
export async function reboot(home: Home): Promise<void> {
  await killEverything(home);
  bootAnew(home);
}

/** Simulates a reboot after an orderly stop, which leaves frozen processes. */
export async function stopAndReboot(home: Home): Promise<void> {
  await home.cli("daemon", "stop");
  await killTasks(home);
  bootAnew(home);
}

/** Makes all process records name another boot. */
export function bootAnew(home: Home): void {
  const boot = "00000000-0000-4000-8000-000000000000";
  sqlite(home, "update attempts set boot_id = ?", [boot]);
  const run = join(home.dir, "run");
  for (const name of readdirSync(run).filter((each) => each.endsWith(".run"))) {
    const path = join(run, name);
    writeFileSync(path, readFileSync(path, "latin1").replace(/^(#born \S+) \S+/m, `$1 ${boot}`), "latin1");
  }
}

/** Returns the pids of this home's live daemons, without children of a daemon that are about to exec a program. */
export function daemons(home: Home): number[] {
  const found = processes(home.dir).filter(({ command }) => /\bdaemon\.cjs\b/.test(command));
  const pids = found.map(({ pid }) => pid);
  return found.filter(({ ppid }) => !pids.includes(ppid)).map(({ pid }) => pid);
}
