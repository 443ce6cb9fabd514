import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { AgentctlError, type WireError } from "../core/errors.ts";
import { homeRefused, makeHome } from "../home/own-home.ts";
import type { Paths } from "../home/paths.ts";
import { detachedBy } from "../home/tree-marker.ts";
import type { Environment } from "./environment.ts";

/** What a daemon reports on its file descriptor 3: it is ready, another one holds the home, or why it cannot start. */
type Report = { ready: true; pid: number } | { busy: true } | { error: WireError };

/** The variables, besides OTEL_*, that a daemon takes from the process that starts it. None of them reaches a task. */
const PASSED_VARIABLES = [
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

/** The daemon's bundle, beside the bundle of this file, and the script that runs it in the background. */
export const daemonFile: string = join(import.meta.dirname, "daemon.cjs");
const launcher = join(import.meta.dirname, "../bin/daemon.cjs");

/**
 * The shell exits at once, and init adopts its child. The daemon gets the highest limits that the system allows, except
 * for stack and core: these do not bound how much it can do.
 */
const LAUNCH = `for limit in t f d v m n; do
  ulimit -H -$limit unlimited
  ulimit -S -$limit "$(ulimit -H -$limit)"
done 2>/dev/null
"$@" &`;

/** How long a start may take, in ms; then it is stuck. A daemon that adopts a hundred thousand tasks needs seconds. */
const START_TIMEOUT_MS = 60_000;

/**
 * Starts a daemon and waits for its report: `ready`, or `busy` when another one holds the home. The daemon is nobody's
 * descendant and has its own session, so it does not end with a terminal or a task. Throws the reason for which the
 * daemon refuses to start, or `DaemonUnreachable` with the end of its log.
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
    const timer = setTimeout(() => report.destroy(), START_TIMEOUT_MS);
    try {
      return parseReport(await Promise.race([readLine(report), failed]), paths);
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
  const isPassed = (name: string) => PASSED_VARIABLES.includes(name) || name.startsWith("OTEL_");
  const passed = Object.entries(env).filter(([name, value]) => isPassed(name) && value !== undefined);
  // A daemon that a task starts does not belong to the task's process tree, so it outlives the task.
  return { ...Object.fromEntries(passed), ...detachedBy(env), AGENTCTL_HOME: paths.home };
}

async function readLine(stream: Readable): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream.setEncoding("utf8")) {
      text += chunk;
      if (text.includes("\n")) break;
    }
  } catch {
    // The timer closed the stream: no more of the report will come.
  }
  return text;
}

function parseReport(line: string, paths: Paths): "ready" | "busy" {
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
