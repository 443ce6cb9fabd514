import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { AgentctlError, type WireError } from "../core/errors.ts";
import { homeRefused, makeHome } from "../home/own-home.ts";
import type { Paths } from "../home/paths.ts";
import { detachedBy } from "../home/tree-marker.ts";
import type { Environment } from "./environment.ts";

/** What a daemon says on its file descriptor 3: it answers on the socket, another one has the home, or why it cannot. */
type Report = { ready: true; pid: number } | { busy: true } | { error: WireError };

/** All that a daemon takes over from whoever happens to start it; nothing of it reaches a task. */
const KEPT = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "TZ",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "AGENTCTL_FAULT",
];

/** The daemon's bundle, beside the one that this file is in, and what runs it in the background. */
export const daemonFile: string = join(import.meta.dirname, "daemon.cjs");
const launcher = join(import.meta.dirname, "../bin/daemon.cjs");

/**
 * The shell leaves at once, and its child is adopted by init. A daemon has the limits that the system allows it, whoever
 * starts it, but for those of stack and core, which are no amount of work.
 */
const LAUNCH = `for limit in t f d v m n; do
  ulimit -H -$limit unlimited
  ulimit -S -$limit "$(ulimit -H -$limit)"
done 2>/dev/null
"$@" &`;

/** A daemon that adopts a hundred thousand tasks takes seconds; one that takes so long is stuck. */
const LONGEST_START_MS = 60_000;

/**
 * Starts a daemon and waits for its word: `ready`, or `busy` when another one holds the home. It is nobody's
 * descendant, in a session of its own, so that no terminal and no task takes it along when it ends. Throws the
 * reason for which the daemon refuses to start, or `DaemonUnreachable` with the end of its log.
 */
export async function startDaemon(paths: Paths, env: Environment, hold: boolean): Promise<"ready" | "busy"> {
  const log = openLog(paths, paths.log);
  const errors = openLog(paths, paths.stderr);
  const args = [process.execPath, launcher, ...(hold ? ["--hold"] : [])];
  try {
    const child = spawn("/bin/sh", ["-c", LAUNCH, "sh", ...args], {
      cwd: paths.home,
      detached: true,
      env: daemonEnvironment(paths, env),
      stdio: ["ignore", log, errors, "pipe"],
    });
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    const report = child.stdio[3] as Readable;
    const timer = setTimeout(() => report.destroy(), LONGEST_START_MS);
    try {
      return heard(await Promise.race([lineFrom(report), failed]), paths);
    } finally {
      clearTimeout(timer);
    }
  } finally {
    closeSync(log);
    closeSync(errors);
  }
}

function openLog(paths: Paths, file: string): number {
  makeHome(paths);
  try {
    return openSync(file, "a", 0o600);
  } catch (error) {
    throw homeRefused(paths.home, (error as Error).message, { cause: error });
  }
}

function daemonEnvironment(paths: Paths, env: Environment): Record<string, string> {
  const isKept = (name: string) => KEPT.includes(name) || name.startsWith("OTEL_");
  const kept = Object.entries(env).filter(([name, value]) => isKept(name) && value !== undefined);
  // Started by a task, it is of no tree: it outlives the task.
  return { ...Object.fromEntries(kept), ...detachedBy(env), AGENTCTL_HOME: paths.home };
}

async function lineFrom(stream: Readable): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream.setEncoding("utf8")) {
      text += chunk;
      if (text.includes("\n")) break;
    }
  } catch {
    // Given up: what there is of a report is all that will come.
  }
  return text;
}

function heard(line: string, paths: Paths): "ready" | "busy" {
  const report = line.includes("\n") ? (JSON.parse(line) as Report) : undefined;
  if (!report) {
    const reason = `it ended before it was ready${lastLines(paths)}`;
    throw new AgentctlError("DaemonUnreachable", { reason, log: paths.log });
  }
  if ("error" in report) throw AgentctlError.fromWire(report.error);
  return "ready" in report ? "ready" : "busy";
}

function lastLines({ log, stderr }: Paths): string {
  const text = [log, stderr].map((file) => readFileSync(file, "utf8").slice(-4000)).join("");
  const lines = text.trimEnd().split("\n").slice(-5);
  return lines.join("") === "" ? "" : `; the last lines of its log:\n${lines.join("\n")}`;
}
