import { setTimeout as sleep } from "node:timers/promises";
import { defined } from "../../core/defined.ts";
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import type { Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import type { Daemon } from "./context.ts";

/** How long a request for the status, which also precedes a stop, waits for a cluster's database, in ms. */
const COUNT_TIMEOUT_MS = 2000;

type Counts = { tasks: Record<string, number>; store: string | null };

async function countTasks({ store, cluster }: Daemon["engine"]): Promise<Counts> {
  const counting = store.counts().then((tasks): Counts => ({ tasks, store: null }));
  if (!cluster) return await counting;
  const unknown = (reason: string): Counts => ({ tasks: {}, store: reason });
  const timeout = sleep(COUNT_TIMEOUT_MS, undefined, { ref: false }).then(() =>
    unknown("the database does not answer"),
  );
  const counts = counting.catch((error) => unknown(asAgentctlError(error).message));
  return await Promise.race([counts, timeout]);
}

export function daemonHandlers(
  daemon: Daemon,
): Pick<Handlers<Caller>, `daemon/${"hello" | "status" | "reload" | "ui" | "backup" | "stop"}`> {
  const { engine, paths, version, startedAt } = daemon;
  return {
    "daemon/hello": async (params, caller) => {
      if (params.version === version) return { version, pid: process.pid, home: daemon.home };
      const versions = { daemon: version, client: params.version };
      caller.refusal = new AgentctlError("VersionMismatch", { ...versions, log: paths.log });
      throw caller.refusal;
    },
    "daemon/status": async () => ({
      pid: process.pid,
      version,
      home: paths.home,
      socket: paths.socket,
      log: paths.log,
      startedAt: toIso(startedAt),
      uptimeMs: Math.max(0, engine.clock.now() - startedAt),
      ...(await countTasks(engine)),
      http: daemon.web.status(),
    }),
    "daemon/reload": async () => daemon.reload(),
    "daemon/ui": async () => ({ url: await daemon.web.loginUrl() }),
    "daemon/backup": async ({ file }) => ({ file: await daemon.backup(file) }),
    "daemon/stop": async ({ keep = false, graceMs }) => await daemon.stop({ keep, ...defined({ graceMs }) }),
  };
}
