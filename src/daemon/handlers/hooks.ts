import { AgentctlError } from "../../core/errors.ts";
import { withoutPassword } from "../../core/hooks.ts";
import { toIso } from "../../core/time.ts";
import type { Handlers } from "../../protocol/methods.ts";
import { exampleMessage } from "../notify/hook-message.ts";
import { surroundings } from "../views/surroundings.ts";
import { taskJson } from "../views/task-json.ts";
import type { Daemon } from "./context.ts";

type Hooks = Pick<Handlers<unknown>, Extract<keyof Handlers<unknown>, `hooks/${string}`>>;

export function hookHandlers({ engine, notifier }: Daemon): Hooks {
  return {
    "hooks/list": async () => {
      const reports = (await notifier.report()).filter(({ hook }) => !hook.push);
      const hooks = reports.map(({ hook: { on, where, target }, lastAt, ...rest }, index) => ({
        n: index + 1,
        on,
        where,
        run: "run" in target ? target.run : null,
        url: "url" in target ? withoutPassword(target.url) : null,
        signed: "url" in target && target.secret !== null,
        ...rest,
        lastAt: toIso(lastAt),
      }));
      return { hooks };
    },
    "hooks/test": async ({ n }) => {
      const reports = (await notifier.report()).filter(({ hook }) => !hook.push);
      const hook = reports[n - 1]?.hook;
      if (!hook) {
        const detail = reports.length === 0 ? "config.json lists none" : `the last one is ${reports.length}`;
        const reason = `there is no hook ${n}: ${detail}`;
        const hint = "agentctl hook list";
        throw new AgentctlError("InvalidParams", { field: "n", reason }, { message: reason, hint });
      }
      const [task] = await engine.store.list({ limit: 1, recent: 1 });
      const example = task ? taskJson(task, await surroundings(engine)) : null;
      const outcome = await notifier.test(hook, exampleMessage(hook, example, engine.clock.now()));
      const reason = outcome.ok ? null : outcome.reason;
      return { ok: outcome.ok, reason, said: outcome.said, ms: outcome.ms };
    },
  };
}
