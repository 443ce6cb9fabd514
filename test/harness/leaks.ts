import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import { isAlive, processes, signalTo } from "./processes.ts";
import { isLocked } from "./sqlite.ts";
import { until } from "./until.ts";

const openStates = ["submitted", "working", "input-required", "suspended", "resumed"];

/**
 * Cancels the open tasks, stops the daemon, and returns what is left of the home, which should be nothing: a process,
 * the socket, a held lock, a bug in the daemon's log. Then kills and deletes everything that is left.
 */
export async function closeHome(home: Home): Promise<string[]> {
  await home.disconnect();
  delete home.env.AGENTCTL_FAULT;
  try {
    const problems = await stopDaemon(home).catch((error) => [`the daemon was not stopped: ${error}`]);
    return [...problems, ...(await endLeftovers(home)), ...(await leftLocks(home)), ...bugsInLog(home)];
  } finally {
    home.remove();
  }
}

/** Stops the daemon. One that died leaves its tasks running, so we start another, which adopts and cancels them. */
async function stopDaemon(home: Home): Promise<string[]> {
  if (!existsSync(home.dir)) return [];
  const pid = await home.daemonPid();
  const hasDied = pid === null && (existsSync(home.socket) || processes(home.root).length > 0);
  if (pid === null && !hasDied) return [];
  if (pid !== null) signalTo(pid, "SIGCONT");
  const isStopped = (await cancelOpen(home)) && (await stop(home));
  return isStopped && existsSync(home.socket) ? [`the socket ${home.socket} is left`] : [];
}

/**
 * Cancels the open tasks. Returns false if the daemon refuses to start, as it must with a store that a test damaged.
 * Sends the request directly to a daemon that responds, because a command would cost another process. If none responds,
 * a command starts one. We try twice, because a daemon that a test started with a planted fault may die of it here.
 */
async function cancelOpen(home: Home): Promise<boolean> {
  if (await cancelByCall(home).catch(() => false)) return true;
  const cancel = () => home.cli("cancel", "--all", "--grace", "0s");
  return (await cancel()).code < 5 || (await cancel()).code < 5;
}

async function cancelByCall(home: Home): Promise<boolean> {
  const open = await home.rpc("tasks/list", { state: openStates, limit: 100 }, 2_000);
  await Promise.all(open.tasks.map(({ id }: { id: number }) => home.rpc("tasks/cancel", { id, graceMs: 0 })));
  return open.tasks.length < 100;
}

async function stop(home: Home): Promise<boolean> {
  const pid = await home.daemonPid();
  if (pid === null) return true;
  await home.rpc("daemon/stop").catch(() => home.cli("daemon", "stop"));
  const ended = await until(() => !isAlive(pid), { deadlineMs: 10_000 }).catch(() => false);
  return ended === true;
}

/** Kills and returns the processes left after 5 s. Until then, a guard may write the exit status of its program. */
async function endLeftovers(home: Home): Promise<string[]> {
  const none = () => processes(home.root).length === 0;
  if (await until(none, { deadlineMs: 5_000 }).catch(() => false)) return [];
  const left = processes(home.root);
  for (const { pid } of left) signalTo(pid, "SIGKILL");
  await until(none, { deadlineMs: 10_000, message: "the end of what was left" });
  return left.map(({ pid, state, command }) => `process ${pid} (${state}) is left: ${command}`);
}

/** Returns the held locks. An ending process loses its memory, by which we find it, shortly before its locks. */
async function leftLocks(home: Home): Promise<string[]> {
  await until(() => heldLocks(home).length === 0, { deadlineMs: 5_000 }).catch(() => false);
  return heldLocks(home);
}

function heldLocks(home: Home): string[] {
  if (!existsSync(home.dir)) return [];
  const files = readdirSync(home.dir, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && /lock|\.db$/.test(entry.name),
  );
  return files
    .filter(({ name }) => isLocked(join(home.dir, name)))
    .map(({ name }) => `a lock on ${name} is still held`);
}

function bugsInLog(home: Home): string[] {
  const path = join(home.dir, "daemon.log");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => /"level":60|uncaught|unhandled|panic/i.test(line))
    .filter((line) => !home.allowedInLog.some((allowed) => allowed.test(line)))
    .map((line) => `a bug in daemon.log: ${line}`);
}
