import { connect } from "../../../client/connect.ts";
import { runDaemonHere } from "../../../client/local-daemon.ts";
import { isAbsent } from "../../../client/silence.ts";
import { type Stopped, stopDaemon } from "../../../client/stop.ts";
import { defined } from "../../../core/defined.ts";
import { formatDuration } from "../../../core/time.ts";
import { readConfig } from "../../../home/config-file.ts";
import { LogFile, lastLinesOf } from "../../../home/log-file.ts";
import { LogTail } from "../../../home/log-tail.ts";
import type { Result } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type Group, value } from "../../command/define.ts";
import { duration, integer } from "../../command/option-values.ts";
import { withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { backup } from "./backup.ts";
import { restore } from "./restore.ts";
import { install, uninstall } from "./service.ts";
import { stdio } from "./stdio.ts";

type Status = Result<"daemon/status">;

const holdOption = flag("--hold", "start no task: look first, then agentctl daemon restart");

const start = command({
  name: "start",
  summary: "start the daemon; commands that need it do so by themselves",
  args: [],
  options: { hold: holdOption },
  examples: [
    ["daemon start", "tasks that were paused by a stop are resumed"],
    ["daemon start --hold", "answer questions, but start no task"],
  ],
  isLocal: true,
  async run(context, _args, { hold }) {
    const running = await fetchStatus(context);
    if (running && hold) context.out.note("it was running already: --hold changes nothing");
    return reportStarted(context, running ?? (await startDaemon(context, hold)), running !== undefined);
  },
});

const stop = command({
  name: "stop",
  summary: "pause every running task and end the daemon; the next start resumes them",
  notes:
    "A task that cannot be paused keeps running; it is named, the exit code is 1, and the next daemon adopts it.",
  args: [],
  options: {
    grace: value("--grace <duration>", "how long tasks may take to save a checkpoint (60s)", duration),
  },
  examples: [["daemon stop", "returns when the daemon has ended, and names the tasks that it froze"]],
  isLocal: true,
  async run(context, _args, { grace }) {
    const { out, paths } = context;
    const stopped = await stopDaemon(paths, defined({ graceMs: grace }));
    const isPaused = (stopped?.running ?? []).length === 0;
    if (out.json) out.data({ ok: isPaused, changed: stopped !== undefined, ...(stopped ?? NOTHING_STOPPED) });
    else if (stopped) reportStopped(context, stopped);
    else out.note(`no daemon is running for ${paths.home}`);
    return isPaused ? 0 : 1;
  },
});

const NOTHING_STOPPED = { pid: null, suspended: [], frozen: [], running: [] };

const restart = command({
  name: "restart",
  summary: "replace the daemon by one of this version; tasks go on meanwhile",
  args: [],
  options: { hold: holdOption },
  examples: [["daemon restart", "after an update of agentctl"]],
  isLocal: true,
  async run(context, _args, { hold }) {
    // Throws if config.json is invalid: the next daemon could not start, so this one stays.
    readConfig(context.paths.config);
    await stopDaemon(context.paths, { keep: true });
    return reportStarted(context, await startDaemon(context, hold), false);
  },
});

const status = command({
  name: "status",
  summary: "whether the daemon runs, where, and how many tasks there are in each state",
  args: [],
  options: {},
  examples: [["daemon status --json", "for a script; exit code 5 when none runs"]],
  async run(context) {
    const { out, paths } = context;
    const daemonStatus = await fetchStatus(context);
    if (out.json)
      out.data(daemonStatus ?? { ...NO_DAEMON, home: paths.home, socket: paths.socket, log: paths.log });
    else if (daemonStatus) for (const line of statusLines(daemonStatus)) out.line(line);
    else out.line(`no daemon is running for ${paths.home}; its log: ${paths.log}`);
    return daemonStatus ? 0 : 5;
  },
});

const NO_DAEMON = {
  pid: null,
  version: null,
  startedAt: null,
  uptimeMs: null,
  tasks: null,
  store: null,
  http: null,
};

const run = command({
  name: "run",
  summary: "run the daemon in the foreground, for systemd and as PID 1",
  notes:
    'As the first process of a container (CMD ["agentctl", "daemon", "run"]) it also reaps orphans of its tasks; keep AGENTCTL_HOME on a volume.',
  args: [],
  options: {
    hold: holdOption,
    untilIdle: flag("--until-idle", "end when no task is running and none will start or continue by itself"),
  },
  examples: [
    ["daemon run", "until SIGTERM, which pauses every running task"],
    ["daemon run --until-idle", "as a job of Slurm, Kubernetes or CI: until its tasks are done"],
  ],
  isLocal: true,
  async run(_context, _args, { hold, untilIdle }) {
    if (hold && untilIdle) throw usage("either --hold or --until-idle, not both");
    await runDaemonHere({ hold, untilIdle });
    return 0;
  },
});

const logs = command({
  name: "logs",
  summary: "what the daemon has written to its log",
  args: [],
  options: {
    follow: flag("-f, --follow", "continue with new events"),
    lines: value("-n, --lines <n>", "only the last n lines", integer(0)),
  },
  examples: [["daemon logs -n 50 -f", "the last fifty lines, and what comes"]],
  isLocal: true,
  async run({ out, paths }, _args, { follow, lines }) {
    const offset = lines === undefined ? 0 : (await lastLinesOf(paths.log, lines)).offset;
    if (!follow) {
      const file = new LogFile(paths.log);
      await file.skipTo(offset);
      await file.drain((chunk) => out.bytes(chunk));
      file.close();
      return 0;
    }
    const log = { attempt: 1, path: paths.log };
    const tail = new LogTail(
      (chunk) => out.bytes(chunk),
      () => undefined,
    );
    await tail.startAt(log, [log], offset);
    out.gone.addEventListener("abort", () => tail.close(), { once: true });
    out.watchReader();
    return 0;
  },
});

export const daemon: Group = {
  name: "daemon",
  summary: "the process that runs the tasks",
  commands: [start, stop, restart, status, run, stdio, logs, backup, restore, install, uninstall],
};

/** Returns the status of the running daemon, whatever its version; undefined if none runs. */
async function fetchStatus({ paths, env, host }: Context): Promise<Status | undefined> {
  try {
    const rpc = await connect({ paths, env, host, start: "never", anyVersion: true });
    return await rpc.call("daemon/status", {}).finally(() => rpc.close());
  } catch (error) {
    if (!host && isAbsent(error)) return undefined;
    throw error;
  }
}

function startDaemon(context: Context, hold: boolean): Promise<Status> {
  return withDaemon(context, (rpc) => rpc.call("daemon/status", {}), { hold });
}

function reportStarted({ out }: Context, daemonStatus: Status, wasRunning: boolean): number {
  if (out.json) out.data({ ...daemonStatus, changed: !wasRunning });
  else if (wasRunning)
    out.note(`the daemon is running already, pid ${daemonStatus.pid}${versionHint(daemonStatus)}`);
  else out.line(`daemon started, pid ${daemonStatus.pid}`);
  return 0;
}

function versionHint({ version }: Status): string {
  return version === __VERSION__
    ? ""
    : `, version ${version}: agentctl daemon restart replaces it by ${__VERSION__}`;
}

function reportStopped({ out }: Context, { pid, suspended, frozen, running = [] }: Stopped): void {
  out.line(`daemon stopped, pid ${pid}`);
  if (suspended.length > 0) out.line(`paused at a checkpoint: ${suspended.join(", ")}`);
  if (frozen.length > 0) out.line(`frozen, their processes stay in memory: ${frozen.join(", ")}`);
  for (const { id, reason } of running) {
    out.note(`task ${id} ${reason}`, "the next daemon finds what became of it: agentctl daemon start");
  }
}

function countsText(counts: [state: string, count: number][]): string {
  return counts.length === 0 ? "none" : counts.map(([state, count]) => `${count} ${state}`).join(", ");
}

function statusLines(daemonStatus: Status): string[] {
  const counts = Object.entries(daemonStatus.tasks).filter(([, count]) => count > 0);
  const rows: [string, string][] = [
    ["daemon", `running, pid ${daemonStatus.pid}, version ${daemonStatus.version}`],
    ["up", formatDuration(daemonStatus.uptimeMs)],
    ["home", daemonStatus.home],
    ["socket", daemonStatus.socket],
    ["log", daemonStatus.log],
    ...(daemonStatus.http
      ? [
          [
            "http",
            daemonStatus.http.url ?? `not at ${daemonStatus.http.listen}: ${daemonStatus.http.error}`,
          ] as [string, string],
        ]
      : []),
    ["tasks", daemonStatus.store ? `not known: ${daemonStatus.store}` : countsText(counts)],
  ];
  return rows.map(([key, text]) => `${key.padEnd(8)}${text}`);
}
