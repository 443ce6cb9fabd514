import { existsSync } from "node:fs";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import { logFile, rawLogFile } from "../../engine/index.ts";
import type { Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";

export function daemonHandlers(
  daemon: Daemon,
): Pick<Handlers<Caller>, "daemon/hello" | "daemon/status" | "daemon/reload" | "daemon/ui" | "daemon/stop"> {
  const { engine, paths, version, startedAt } = daemon;
  return {
    "daemon/hello": async (params, caller) => {
      if (params.version === version) return { version, pid: process.pid };
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
      tasks: await engine.store.counts(),
      http: daemon.web.status(),
    }),
    "daemon/reload": async () => daemon.reload(),
    "daemon/ui": async () => ({ url: daemon.web.loginUrl() }),
    "daemon/stop": async ({ keep = false, graceMs }) => await daemon.stop({ keep, ...defined({ graceMs }) }),
  };
}

export function logHandlers(daemon: Daemon): Pick<Handlers<Caller>, "logs/path"> {
  const { engine } = daemon;
  return {
    "logs/path": async ({ id, attempt, raw = false }) => {
      const task = await engine.require(id);
      engine.emptied.keep(task);
      const attempts = (await engine.store.attempts(task.id)).filter(
        (a) => attempt === undefined || a.n === attempt,
      );
      if (attempt !== undefined && attempts.length === 0) {
        const reason = `task ${task.id} has no attempt ${attempt}`;
        throw new AgentctlError("InvalidParams", {
          field: "attempt",
          reason,
          id: task.id,
          state: task.state,
        });
      }
      const pathOf = (n: number) => (raw ? rawLogFile : logFile)(engine, task.id, n);
      const logs = attempts
        .map(({ n, endedAt }) => ({ attempt: n, path: pathOf(n), live: endedAt === null }))
        .filter(({ path }) => existsSync(path));
      return { logs, task: await show(daemon, task) };
    },
  };
}
