/**
 * A pid is valid only within its pid namespace, and a container has a namespace of its own. A runner in one namespace
 * can neither see nor stop what a runner in another has launched. So each namespace has a file in the run folder. A
 * daemon locks it with flock(2), and its guards inherit the lock. The kernel releases it when the last of them ends.
 * The lock is visible from every namespace. Node has no flock(2), so flock(1) locks the open file.
 */
import { spawnSync } from "node:child_process";
import { existsSync, openSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { delay } from "./tree/signals.ts";

const PREFIX = "guards-";

/** How long the last process of a killed container may take to end. */
const END_TIMEOUT_MS = 1000;

/**
 * Locks the file of this process's pid namespace and removes those of others. Call it only if none of the others is in
 * use. Returns the descriptor, which guards inherit, or undefined if the system has no pid namespaces. Throws if there
 * is no flock(1).
 */
export function lockNamespace(runDir: string): number | undefined {
  const fileName = ownFileName();
  if (fileName === undefined) return undefined;
  for (const name of foreignFileNames(runDir)) rmSync(join(runDir, name), { force: true });
  const fd = openSync(join(runDir, fileName), "a", 0o600);
  flock(["-s", "3"], fd);
  return fd;
}

/**
 * Returns the other pid namespaces in which guards of this folder, or their daemon, are alive. Throws if there may be
 * one but no flock(1) to check it.
 */
export async function foreignNamespaces(runDir: string): Promise<string[]> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (;;) {
    const locked = foreignFileNames(runDir).filter((name) => isLocked(join(runDir, name)));
    if (locked.length === 0 || performance.now() > deadline)
      return locked.map((name) => name.slice(PREFIX.length));
    await delay(20);
  }
}

/** Returns the name of this namespace's file, or undefined if the system has no pid namespaces. */
function ownFileName(): string | undefined {
  try {
    return PREFIX + /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0];
  } catch {
    return undefined;
  }
}

function foreignFileNames(runDir: string): string[] {
  const fileName = ownFileName();
  if (fileName === undefined || !existsSync(runDir)) return [];
  return readdirSync(runDir).filter((name) => name.startsWith(PREFIX) && name !== fileName);
}

function isLocked(file: string): boolean {
  return !flock(["-n", file, "true"]);
}

/** Runs flock(1). Returns whether the lock was free. */
function flock(args: string[], fd?: number): boolean {
  const { error, status, stderr } = spawnSync("flock", args, {
    stdio: ["ignore", "ignore", "pipe", fd ?? "ignore"],
    encoding: "utf8",
  });
  if (error) throw error;
  if (status !== 0 && status !== 1) throw new Error(`flock failed: ${stderr.trim()}`);
  return status === 0;
}
