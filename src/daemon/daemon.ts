import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { defined } from "../core/defined.ts";
import type { Fault } from "../core/faults.ts";
import { type Hook, readHooks } from "../core/hooks.ts";
import { systemClock } from "../core/time.ts";
import {
  awaitStarts,
  dropOldBundles,
  Engine,
  Environments,
  isIdle,
  Notifier,
  type NotifierOptions,
  notifyDesktop,
  type Paused,
  Recurring,
  recover,
  releaseEnvironments,
  Scheduler,
  type Settings,
  sender,
  settleImports,
  shutdown,
  unpaused,
} from "../engine/index.ts";
import { readClusterFile } from "../home/cluster-file.ts";
import { changedSettings, settingsOf } from "../home/config-file.ts";
import { ensureHomeId } from "../home/identity.ts";
import type { Paths } from "../home/paths.ts";
import { createRunner } from "../runner/index.ts";
import { Backups } from "./backup.ts";
import { bootId } from "./boot-id.ts";
import { startChores } from "./chores.ts";
import { inCluster } from "./cluster/in-cluster.ts";
import { dispatcher } from "./dispatch.ts";
import { handlersOf } from "./handlers/index.ts";
import { withNearNames } from "./handlers/near-names.ts";
import { lockNamespaceFor } from "./home.ts";
import type { DaemonLog } from "./log.ts";
import { machineMemory } from "./memory.ts";
import { hookMessage } from "./notify/hook-message.ts";
import { PushHooks } from "./notify/push-hooks.ts";
import { pushMessage } from "./notify/push-message.ts";
import type { Traces } from "./notify/traces.ts";
import { ensureDefaultQueue, openStore } from "./open-store.ts";
import { type Listener, listen } from "./server.ts";
import { Web } from "./web.ts";

export interface DaemonOptions {
  paths: Paths;
  settings: Settings;
  log: DaemonLog;
  version: string;
  /** The variables that tasks get from the daemon: PATH, HOME, USER, SHELL, LANG. */
  baseEnv: Record<string, string>;
  /** The address of the bus on which the user's desktop receives notifications. */
  sessionBus: string;
  fault: Fault;
  /** Start no task until a command releases the daemon. */
  hold: boolean;
  /** Whether the environment names a collector for traces. */
  isTraced: boolean;
  /** Returns the path to listen at. Called again after the socket was removed. */
  socketPlace: () => string;
}

/** A daemon that answers on its socket. `ended` resolves when the process should exit. */
export interface RunningDaemon {
  stop(options: { keep: boolean; graceMs?: number }): Promise<Paused>;
  ended: Promise<void>;
  listener: Listener;
  /** Returns whether nothing is running and nothing will start on its own. */
  isIdle(): Promise<boolean>;
}

/**
 * Opens the store, recovers what an earlier daemon left, then listens on the socket. The caller holds the lock of the
 * home.
 */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { paths, log, settings, fault } = options;
  const backups = new Backups({ paths, settings, log, fault });
  const home = ensureHomeId(paths, randomUUID);
  const environments = new Environments(paths.env, fault, readClusterFile(paths)?.key);
  const { store, db, member } = await openStore(options, { backups, home, environments });
  const engine = createEngine(options, { store, environments, cluster: member });
  await member?.register();
  const startedAt = systemClock.now();
  await ensureDefaultQueue(engine);
  engine.isHolding = options.hold;
  releaseEnvironments(engine);
  const notifier = createNotifier(options, engine);
  const scheduler = new Scheduler(engine);
  const recurring = new Recurring(engine, startedAt);
  const { version } = options;
  const traces = options.isTraced ? loadTraces(engine, { version, home }) : null;
  const recovery = await recover(engine);
  await settleImports(engine);
  dropOldBundles(engine);
  engine.isRecovering = false;
  log.info(recovery, "recovered");
  let resolveEnded = () => {};
  const ended = new Promise<void>((resolve) => {
    resolveEnded = resolve;
  });
  let stopping: Promise<Paused> | null = null;
  const stop: RunningDaemon["stop"] = (stopOptions) => {
    stopping ??= halt(stopOptions);
    return stopping;
  };
  const reload = async () => {
    const next = settingsOf(paths.config);
    const changed = changedSettings(settings, next);
    await web.apply(next);
    Object.assign(settings, next);
    backups.arm();
    // A limit may have been raised.
    engine.wake();
    if (changed.length > 0) log.info({ changed }, "settings changed");
    if (changed.includes("hooks")) await configureHooks();
    return { changed };
  };
  const taskExists = async (id: number) => (await store.get(id)) !== undefined;
  const push = new PushHooks({ file: paths.a2aPush, taskExists, apply: () => configureHooks() });
  const configureHooks = () => notifier.configure([...hooksOf(settings), ...push.hooks()]);
  const web = new Web({
    paths,
    settings,
    log,
    version,
    clock: systemClock,
    push,
    onCommit: (listener) => engine.onEvents(listener),
  });
  const backup = async (file?: string) => {
    if (!db) throw inCluster("its store is kept by the server: pg_dump makes a copy");
    return await backups.backUpNow(file);
  };
  const files = member?.files ?? null;
  const daemon = {
    engine,
    notifier,
    recurring,
    web,
    paths,
    files,
    home,
    version,
    startedAt,
    stop,
    reload,
    backup,
  };
  const reportBug = (method: string, error: unknown) => log.error({ method, err: error }, "a request failed");
  const dispatch = dispatcher(handlersOf(daemon), reportBug, (error) => withNearNames(engine, error));
  const listener = await listen(options.socketPlace, dispatch);
  await web.start(dispatch);
  const timers = startChores(engine, log);
  if (db) backups.start(db);
  member?.start(engine);
  await configureHooks();
  scheduler.wake();
  recurring.check();

  async function halt({ keep, graceMs }: { keep: boolean; graceMs?: number }) {
    log.info({ keep }, "stopping");
    fault("stop:before-pause");
    const pausing = keep ? detach() : shutdown(engine, defined({ graceMs }));
    const paused = (member ? await member.unlessSilent(pausing) : await pausing) ?? unpaused(engine);
    await (keep ? member?.stopRenewing() : member?.leave(paused.suspended, paused.frozen));
    fault("stop:after-pause");
    scheduler.stop();
    await recurring.stop();
    await engine.hosts.stop();
    await notifier.stop();
    for (const timer of timers) clearInterval(timer);
    // Send the response to the stop request first.
    setImmediate(async () => {
      await Promise.all([web.stop(), listener.close()]);
      await Promise.all([backups.stop(), traces?.stop()]);
      await store.close();
      log.info({}, "stopped");
      resolveEnded();
    });
    return paused;
  }

  async function detach() {
    engine.isHolding = true;
    engine.isStopping = true;
    // Wait for starts in progress, so that the next daemon can adopt those tasks.
    await awaitStarts(engine);
    return { suspended: [], frozen: [], running: [] };
  }

  return { stop, ended, listener, isIdle: () => isIdle(engine) };
}

/** The path is built at run time, so that the bundler does not include the file. */
function loadTraces(engine: Engine, options: { version: string; home: string }): Traces {
  const file = join(import.meta.dirname, "traces.cjs");
  const { startTraces } = createRequire(file)(file) as typeof import("./notify/traces.ts");
  engine.log.info({}, "sends traces");
  return startTraces(engine, options);
}

function createEngine(
  options: DaemonOptions,
  { store, environments, cluster }: Pick<Engine, "store" | "environments" | "cluster">,
): Engine {
  const { paths, settings, log, fault, baseEnv } = options;
  return new Engine({
    store,
    settings,
    log,
    fault,
    baseEnv,
    clock: systemClock,
    runner: createRunner({
      runDir: paths.run,
      clock: systemClock,
      namespaceLock: lockNamespaceFor(paths, log),
    }),
    environments,
    cluster,
    bootId: bootId(),
    memory: machineMemory,
    places: {
      home: paths.home,
      socket: paths.socket,
      logs: paths.logs,
      tasks: paths.tasks,
      run: paths.run,
      bundles: paths.bundles,
      worktrees: paths.worktrees,
      node: process.execPath,
      host: join(import.meta.dirname, "host.mjs"),
      agents: join(import.meta.dirname, "agent-task.mjs"),
      path: join(import.meta.dirname, "path"),
    },
  });
}

/**
 * Creates the notifier for hooks and the desktop. Their programs get the variables of every task, and `agentctl` on PATH.
 */
function createNotifier(
  { paths, log, settings, baseEnv, sessionBus }: DaemonOptions,
  engine: Engine,
): Notifier {
  const { store, places } = engine;
  const clock = systemClock;
  const cwd = baseEnv.HOME ?? "/";
  const env = {
    ...baseEnv,
    PATH: `${places.path}:${baseEnv.PATH}`,
    AGENTCTL_HOME: paths.home,
    AGENTCTL_NODE: places.node,
  };
  notifyDesktop({
    store,
    clock,
    log,
    env,
    cwd,
    platform: process.platform,
    bus: sessionBus,
    isOn: () => settings.notify === "desktop",
  });
  const describe: NotifierOptions["describe"] = async (event, task, push) =>
    push ? await pushMessage(engine, push.form, event, task) : await hookMessage(engine, event, task);
  return new Notifier({ store, clock, log, describe, send: sender({ env, cwd, clock }) });
}

/** Returns the hooks of the settings, which were checked when they were read. */
function hooksOf({ hooks }: Settings): Hook[] {
  const result = readHooks(hooks);
  return "value" in result ? result.value : [];
}
