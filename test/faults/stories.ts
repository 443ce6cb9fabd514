/** What the stories about dying daemons and machines have in common. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../harness/home.ts";
import { isAnyBetween, processes, signalTo } from "../harness/processes.ts";
import { sqlite } from "../harness/sqlite.ts";
import { until } from "../harness/until.ts";
import { notesIn } from "./facts.ts";
import { bearers, isGuard } from "./processes-of-tasks.ts";

/** Submits a task on the socket of a daemon that the next command starts; gives its id. */
export async function submit(home: Home, task: object): Promise<number> {
  mkdirSync(home.file("witness"), { recursive: true });
  if (!existsSync(home.socket)) await wake(home);
  const { task: made } = await home.rpc("tasks/create", { cwd: home.work, env: home.env, ...task });
  return made.id;
}

/** The next command: it starts a daemon where none runs. */
export async function wake(home: Home): Promise<void> {
  const { code, stderr } = await home.cli("daemon", "start");
  if (code !== 0) throw new Error(`daemon start: code ${code}, ${stderr}`);
}

export function notes(home: Home, id: number) {
  return notesIn(join(home.file("witness"), String(id)));
}

/** How often the task wrote such a note, whatever the attempt. */
export function count(home: Home, id: number, what: string, text?: string): number {
  return notes(home, id).filter((note) => note.what === what && (text === undefined || note.text === text))
    .length;
}

/** Waits until the task has written such a note. */
export async function noted(home: Home, id: number, what: string, text?: string): Promise<void> {
  await until(() => count(home, id, what, text) > 0, { message: `${what} ${text ?? ""} of task ${id}` });
}

/** The running task, with the pid of its program. */
export async function atWork(home: Home, id: number) {
  return await until(async () => {
    const task = await home.task(id);
    return task.state === "working" && task.pid !== null && task;
  });
}

export function open(home: Home, gate = "gate"): void {
  writeFileSync(home.file(gate), "");
}

/** SIGKILL to the daemon and to every process of every task, guards first, so that nobody tells how it ended. */
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

/** The power fails, and the machine comes up again: nothing lives, and whatever names a process names another boot. */
export async function reboot(home: Home): Promise<void> {
  await killEverything(home);
  bootAnew(home);
}

/** The same after an orderly stop, which leaves what it froze. */
export async function stopAndReboot(home: Home): Promise<void> {
  await home.cli("daemon", "stop");
  await killTasks(home);
  bootAnew(home);
}

/** What names a process names one of another boot from here on. */
export function bootAnew(home: Home): void {
  const boot = "00000000-0000-4000-8000-000000000000";
  sqlite(home, "update attempts set boot_id = ?", [boot]);
  const run = join(home.dir, "run");
  for (const name of readdirSync(run).filter((each) => each.endsWith(".run"))) {
    const path = join(run, name);
    writeFileSync(path, readFileSync(path, "latin1").replace(/^(#born \S+) \S+/m, `$1 ${boot}`), "latin1");
  }
}

/** The daemons of this home that live, without those that are about to become another program. */
export function daemons(home: Home): number[] {
  const found = processes(home.dir).filter(({ command }) => /\bdaemon\.cjs\b/.test(command));
  const pids = found.map(({ pid }) => pid);
  return found.filter(({ ppid }) => !pids.includes(ppid)).map(({ pid }) => pid);
}
