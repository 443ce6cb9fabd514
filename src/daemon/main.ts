/**
 * The life of the daemon's process: take the home and its lock, serve, end. On file descriptor 3 the daemon reports one
 * line of JSON to the process that started it: that it answers, that another daemon has the home, or why it refuses.
 */
import { closeSync, fstatSync, rmSync, writeSync } from "node:fs";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { baseEnvironment, ownUid } from "../home/account.ts";
import { recordCeiling } from "../home/ceiling.ts";
import { settingsOf } from "../home/config-file.ts";
import { dropInherited } from "../home/drop-inherited.ts";
import { pathsOf } from "../home/paths.ts";
import type { DoctorOptions, Report, Restored } from "../home/upkeep.ts";
import {
  changeMachine,
  clusterStatus,
  dropMachine,
  initCluster,
  joinCluster,
  leaveCluster,
} from "./cluster/membership.ts";
import { type RunningDaemon, startDaemon } from "./daemon.ts";
import { doctor } from "./doctor/doctor.ts";
import { faultAt } from "./fault.ts";
import { prepareHome, refuseForeignTasks } from "./home.ts";
import { takeLock } from "./lock.ts";
import { createLog, logStderr, redirectConsole } from "./log.ts";
import { keepPresent } from "./presence.ts";
import { restore } from "./restore.ts";
import { placeSocket } from "./socket-place.ts";

export interface RunOptions {
  /** Stay attached: nobody reads file descriptor 3, and SIGINT stops the daemon as SIGTERM does. */
  foreground: boolean;
  /** Start no task. */
  hold: boolean;
  /** End when nothing is running and nothing will start on its own. */
  untilIdle?: boolean;
  /** Called when the daemon answers and has reported so. */
  onReady?: () => void;
}

/** Runs a daemon until it is stopped; resolves with its exit code. Rejects if the daemon refuses to start. */
export async function run({ foreground, hold, untilIdle = false, onReady }: RunOptions): Promise<number> {
  const report = foreground ? () => {} : reportOnce(3);
  const log = createLog();
  redirectConsole(log);
  dropInherited();
  try {
    const paths = pathsOf(process.env);
    prepareHome(paths);
    placeSocket(paths, process.env);
    const settings = settingsOf(paths.config);
    const lock = takeLock(paths.lock);
    if (!lock) {
      report({ busy: true });
      if (!foreground) return 0;
      throw new AgentctlError("DaemonUnreachable", {
        reason: `another daemon has the home ${paths.home}`,
        hint: "agentctl daemon status",
      });
    }
    await refuseForeignTasks(paths);
    replaceCeiling(paths.ceiling, foreground);
    // Without a listener, a write beyond the file size limit would kill the process. With one it fails, as on a full
    // disk.
    process.on("SIGXFSZ", () => {});
    // Without a listener Node opens its debugger, a port that everybody on this machine can reach.
    process.on("SIGUSR1", () => {});
    // Warnings go to the log. Node's own listener would print them.
    process.removeAllListeners("warning");
    process.on("warning", ({ name, message }) => log.warn({ warning: name }, message));
    process.on("uncaughtException", (error) => die(log, error));
    process.on("unhandledRejection", (error) => die(log, error));
    log.info({ version: __VERSION__, home: paths.home }, "starting");
    logStderr(log, paths.stderr);
    if (foreground && process.pid === 1) {
      const message = "Node is process 1 here and does not reap orphans: start the agentctl program itself";
      log.warn({ node: process.execPath }, message);
    }
    const baseEnv = baseEnvironment(process.env);
    const fault = faultAt(process.env.AGENTCTL_FAULT);
    const daemon = await startDaemon({
      paths,
      settings,
      log,
      version: __VERSION__,
      baseEnv,
      sessionBus: process.env.DBUS_SESSION_BUS_ADDRESS ?? `unix:path=/run/user/${ownUid()}/bus`,
      fault,
      hold,
      isTraced: isTraced(process.env),
      socketPlace: () => placeSocket(paths, process.env),
    });
    const presence = keepPresent({
      paths,
      lock,
      listener: daemon.listener,
      log,
      onLost: (reason) => abandonHome(log, `the home is lost: ${reason}; processes are left as they are`),
    });
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => void daemon.stop({ keep: false }));
    }
    log.info({ socket: paths.socket }, "ready");
    report({ ready: true, pid: process.pid });
    if (onReady) setImmediate(onReady);
    const idle = untilIdle ? stopWhenIdle(daemon, log) : undefined;
    await daemon.ended;
    clearInterval(idle);
    presence.stop();
    lock.release();
    // Tasks that go on, frozen ones too, are this process's children and would keep it alive.
    return process.exit(0);
  } catch (error) {
    const failure = asAgentctlError(error);
    if (failure.name === "InternalError") log.fatal({ err: error }, failure.message);
    else log.error({ error: failure.name, hint: failure.hint }, failure.message);
    report({ error: failure.toWire() });
    throw failure;
  }
}

/** Returns whether one of OpenTelemetry's standard variables names a collector. Without one, nothing is sent. */
function isTraced(env: NodeJS.ProcessEnv): boolean {
  if (env.OTEL_SDK_DISABLED === "true") return false;
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

export { changeMachine, clusterStatus, dropMachine, initCluster, joinCluster, leaveCluster };

/** Runs `daemon restore`, in its own process: see {@link restore}. */
export async function restoreBackup(backup: string, env: Record<string, string>): Promise<Restored> {
  process.umask(0o077);
  return await restore(pathsOf(process.env), backup, { env, token: process.env.AGENTCTL_TOKEN });
}

/** Runs `agentctl doctor`, in its own process: see {@link doctor}. */
export async function examine(options: DoctorOptions): Promise<Report> {
  process.umask(0o077);
  return await doctor(pathsOf(process.env), baseEnvironment(process.env), options);
}

/** Records the limits that tasks can get. A foreground daemon records none, so that no command replaces it. */
function replaceCeiling(file: string, foreground: boolean): void {
  rmSync(file, { force: true });
  if (foreground) return;
  try {
    recordCeiling(file);
  } catch {
    // The disk is full: tasks get the limits of this daemon.
  }
}

/** Returns a function that writes its first report to `fd`, closes `fd`, and ignores later reports. */
function reportOnce(fd: number): (report: object) => void {
  let isReported = false;
  return (report) => {
    if (isReported) return;
    isReported = true;
    try {
      if (!fstatSync(fd).isFIFO() && !fstatSync(fd).isSocket()) return;
      writeSync(fd, `${JSON.stringify(report)}\n`);
      closeSync(fd);
    } catch {
      // The process that started this one has gone. The log has everything.
    }
  };
}

/** How often we check whether nothing is left to do, in ms. A task submitted in between still runs. */
const IDLE_CHECK_MS = 1000;

/** Stops the daemon when two checks in a row find it idle. */
function stopWhenIdle(daemon: RunningDaemon, log: ReturnType<typeof createLog>): NodeJS.Timeout {
  let idleChecks = 0;
  const check = async () => {
    idleChecks = (await daemon.isIdle()) ? idleChecks + 1 : 0;
    if (idleChecks < 2) return;
    log.info({}, "nothing is left to do");
    await daemon.stop({ keep: false });
  };
  return setInterval(() => void check().catch(() => undefined), IDLE_CHECK_MS);
}

/** Kills this process after a bug. The tasks' processes go on, and the next daemon adopts them. */
function die(log: ReturnType<typeof createLog>, error: unknown): void {
  log.fatal({ err: error }, "uncaught: a bug in agentctl");
  process.kill(process.pid, "SIGKILL");
}

/** Kills this process without closing anything: another daemon may own the home's files now. */
function abandonHome(log: ReturnType<typeof createLog>, message: string): void {
  log.error({}, message);
  process.kill(process.pid, "SIGKILL");
}

/** Runs a background daemon for the whole life of its process. Calls `onReady` once, when the daemon answers. */
export function runInBackground(onReady: () => void): void {
  run({ foreground: false, hold: process.argv.includes("--hold"), onReady }).then(
    (code) => {
      process.exit(code);
    },
    () => {
      process.exit(1);
    },
  );
}

if (process.argv[1]?.endsWith("/dist/daemon.cjs")) runInBackground(() => {});
