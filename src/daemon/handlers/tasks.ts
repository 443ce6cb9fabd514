import { defined } from "../../core/defined.ts";
import { isTerminal, terminalStates } from "../../core/machine.ts";
import {
  answer,
  canContinue,
  cancel,
  edit,
  hold,
  pause,
  pauseSelected,
  planPause,
  planSelected,
  release,
  remove,
  requireMachines,
  rerun,
  resume,
  resumeSelected,
  send,
  submit,
  whenStarted,
} from "../../engine/index.ts";
import type { Handlers, NewTask } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { submission } from "../submission.ts";
import { withText } from "../views/answer-text.ts";
import { fitInLine, taskJsons } from "../views/pages.ts";
import { surroundings } from "../views/surroundings.ts";
import { fieldsToRead } from "../views/task-json.ts";
import { type Daemon, parseTime, show } from "./context.ts";
import { detailsOf } from "./details.ts";
import { manyJson } from "./many.ts";
import { subscribe } from "./subscribe.ts";

const PAGE_SIZE = 1000;
/** How many open and recent tasks one page holds. With more, the daemon would do nothing else for too long. */
const RECENT_PAGE = 10_000;

type MovingMethods = "tasks/export" | "tasks/import" | "tasks/moving" | "tasks/moved";
type TaskMethods = Omit<
  Pick<Handlers<Caller>, Extract<keyof Handlers<Caller>, `tasks/${string}`>>,
  MovingMethods
>;

export function taskHandlers(daemon: Daemon): TaskMethods {
  const { engine } = daemon;
  return {
    "tasks/create": async (params, caller) => {
      const [result] = await submit(engine, [submission(params)], caller.actor);
      const { task, created } = result as NonNullable<typeof result>;
      return { task: await show(daemon, task), created };
    },

    "tasks/batch": async ({ tasks, env, cwd, inherited }, caller) => {
      const shared = defined({ env, cwd, inherited });
      const ownEnv = (task: NewTask) => (task.env && env ? { env: { ...env, ...task.env } } : {});
      const submissions = tasks.map((task) => submission({ ...shared, ...task, ...ownEnv(task) }));
      const results = await submit(engine, submissions, caller.actor, { isBatch: true });
      return { tasks: results.map(({ task, created }) => ({ id: task.id, created })) };
    },

    "tasks/get": async ({ id, details }) => {
      const task = await engine.require(id);
      const json = await show(daemon, task);
      return { task: details ? { ...json, ...(await detailsOf(daemon, task)) } : json };
    },

    "tasks/list": async (params) => {
      const limit = params.limit ?? (params.recent === undefined ? PAGE_SIZE : RECENT_PAGE);
      if (params.on !== undefined) await requireMachines(engine, [params.on]);
      const rows = await engine.store.list({
        ...defined({
          states: params.state,
          queue: params.queue,
          labels: params.labels,
          name: params.name,
          on: params.on,
          recent: params.recent,
          since: params.since === undefined ? undefined : parseTime(params.since),
        }),
        limit: limit + 1,
        afterId: Number(params.cursor ?? 0),
        ...defined({ fields: params.fields && fieldsToRead(params.fields) }),
      });
      await whenStarted(engine, rows);
      const context = await surroundings(engine, rows);
      const { tasks, json } = fitInLine(taskJsons(rows.slice(0, limit), context, params.fields));
      const next = rows.length > tasks.length ? String(rows[tasks.length - 1]?.id) : null;
      return withText({ tasks, next }, `{"tasks":${json},"next":${JSON.stringify(next)}}`);
    },

    "tasks/pause": async (params, caller) => {
      const { graceMs, mode, reason = null, wait } = params;
      const actor = params.actor ?? caller.actor;
      const until = parseTime(params.until);
      const options = { ...defined({ graceMs, mode, wait }), reason, until, actor, cause: "user" as const };
      const pauseAt = parseTime(params.at);
      const isPlan = params.at !== undefined;
      const planOptions = { mode: mode ?? ("auto" as const), graceMs: graceMs ?? null, until, actor, reason };
      const plan = pauseAt === null ? null : { at: pauseAt, ...planOptions };
      if ("select" in params) {
        const selector = defined(params.select);
        const answers = isPlan
          ? await planSelected(engine, selector, plan)
          : await pauseSelected(engine, selector, options);
        return await manyJson(daemon, answers);
      }
      if (isPlan) {
        const task = await planPause(engine, await engine.require(params.id), plan);
        return { task: await show(daemon, task), changed: true };
      }
      const { task, changed, memoryBytes, processes } = await pause(engine, params.id, options);
      return {
        task: await show(daemon, task),
        changed,
        ...defined({ memoryBytes, processes }),
        continues: task.frozen || canContinue(task),
      };
    },

    "tasks/resume": async (params, caller) => {
      const { from, fromStart, env, replaceEnv, module, message, addCost, addTokens, addTurns, on } = params;
      const options = {
        ...defined({ from, fromStart, env, replaceEnv, module, message, addCost, addTokens, addTurns, on }),
        actor: params.actor ?? caller.actor,
      };
      if ("select" in params) {
        return await manyJson(daemon, await resumeSelected(engine, defined(params.select), options));
      }
      const { task, changed, notes } = await resume(engine, params.id, options);
      return { task: await show(daemon, task), changed, notes };
    },

    "tasks/cancel": async ({ id, graceMs, reason = null, wait, actor }, caller) => {
      const { task, changed } = await cancel(engine, id, {
        ...defined({ graceMs, wait }),
        reason,
        actor: actor ?? caller.actor,
      });
      return { task: await show(daemon, task), changed };
    },

    "tasks/hold": async ({ id, actor }, caller) => {
      const { task, changed } = await hold(engine, id, { actor: actor ?? caller.actor });
      return { task: await show(daemon, task), changed };
    },

    "tasks/release": async ({ id, actor }, caller) => {
      const { task, changed } = await release(engine, id, { actor: actor ?? caller.actor });
      return { task: await show(daemon, task), changed };
    },

    "tasks/rerun": async (params, caller) => {
      const {
        id,
        from,
        continue: goesOn,
        env,
        inherited,
        notBefore,
        acceptMissing,
        actor,
        ...fields
      } = params;
      const edits = { ...defined(fields), ...defined({ notBefore: parseTime(notBefore) ?? undefined }) };
      const options = {
        ...defined({ from, goesOn, env, inherited, acceptMissing }),
        edits,
        actor: actor ?? caller.actor,
      };
      return { task: await show(daemon, await rerun(engine, id, options)) };
    },

    "tasks/edit": async ({ id, notBefore, actor, ...fields }, caller) => {
      const edits = { ...defined(fields), ...defined({ notBefore: parseTime(notBefore) ?? undefined }) };
      const { task, changed } = await edit(engine, id, edits, { actor: actor ?? caller.actor });
      return { task: await show(daemon, task), changed };
    },

    "tasks/answer": async ({ id, text, actor }, caller) => ({
      task: await show(daemon, await answer(engine, id, { text, actor: actor ?? caller.actor })),
      changed: true,
    }),

    "tasks/send": async ({ id, text, newline, eof, actor }, caller) => ({
      message: await send(engine, id, { ...defined({ text, newline, eof }), actor: actor ?? caller.actor }),
    }),

    "tasks/delete": async ({ id, force = false, actor }, caller) => ({
      task: await show(daemon, await remove(engine, id, { force, actor: actor ?? caller.actor })),
    }),

    "tasks/wait": async ({ id, until, timeoutMs }, caller) => {
      const { id: taskId } = await engine.require(id);
      const timeout =
        timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1));
      const signal = timeout ? AbortSignal.any([caller.signal, timeout]) : caller.signal;
      const task = await engine.waitFor(taskId, until, signal);
      const isReached = isTerminal(task.state) || (until ?? terminalStates).includes(task.state);
      return { task: await show(daemon, task), timedOut: !isReached };
    },

    "tasks/subscribe": async (params, caller) => await subscribe(daemon, params, caller),
  };
}
