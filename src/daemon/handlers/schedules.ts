import { AgentctlError } from "../../core/errors.ts";
import type { Schedule } from "../../core/recurring.ts";
import { toIso } from "../../core/time.ts";
import {
  addSchedule,
  pauseSchedule,
  removeSchedule,
  requireSchedule,
  resumeSchedule,
  runSchedule,
} from "../../engine/index.ts";
import type { Handlers, NewTask, ScheduleJson } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { submission } from "../submission.ts";
import { type Daemon, show } from "./context.ts";

type Schedules = Pick<Handlers<Caller>, Extract<keyof Handlers<Caller>, `schedules/${string}`>>;

export function scheduleHandlers(daemon: Daemon): Schedules {
  const { engine, recurring } = daemon;
  /** Lets the scheduler read the times again, because they have changed. */
  const applyChange = <T extends { schedule: Schedule }>(result: T) => {
    recurring.check();
    return { ...result, schedule: scheduleJson(result.schedule) };
  };
  return {
    "schedules/add": async ({
      task,
      tz,
      overlap = "skip",
      missed = "run",
      jitterMs = 0,
      replace = false,
      ...options
    }) => {
      const {
        env = {},
        key: _,
        after: __,
        notBefore: ___,
        stdin,
        ...fields
      } = submission(refuseRunFields(task));
      // TZ may name a zone that Node does not know.
      const zone: string | undefined = tz ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (zone === undefined) {
        const reason = "the daemon's own zone is not known";
        throw new AgentctlError("InvalidParams", {
          field: "tz",
          reason,
          hint: "give tz, such as Europe/Berlin",
        });
      }
      const spec = { ...options, overlap, missed, jitterMs, tz: zone, env };
      const schedule = await addSchedule(
        engine,
        { ...spec, task: { ...fields, ...(typeof stdin === "string" ? { stdin } : {}) } },
        { replace },
      );
      return applyChange({ schedule });
    },
    "schedules/list": async () => ({ schedules: (await engine.store.schedules.list()).map(scheduleJson) }),
    "schedules/get": async ({ name }) => ({ schedule: scheduleJson(await requireSchedule(engine, name)) }),
    "schedules/pause": async ({ name }) => applyChange(await pauseSchedule(engine, name)),
    "schedules/resume": async ({ name }) => applyChange(await resumeSchedule(engine, name)),
    "schedules/remove": async ({ name }) => applyChange({ schedule: await removeSchedule(engine, name) }),
    "schedules/run": async ({ name, actor }, caller) => ({
      task: await show(daemon, await runSchedule(engine, name, actor ?? caller.actor)),
    }),
  };
}

/** Returns the task. Throws if it has a field that makes sense for one run only. */
function refuseRunFields(task: NewTask): NewTask {
  for (const field of ["key", "notBefore", "after"] as const) {
    if (task[field] === undefined || task[field] === null) continue;
    const reason = "a schedule decides itself when its runs start, and gives each a key of its own";
    throw new AgentctlError("InvalidParams", { field, reason });
  }
  if (typeof task.stdin === "object" && task.stdin !== null) {
    const reason = "what is piped in belongs to one task: name a file, which each run opens";
    throw new AgentctlError("InvalidParams", { field: "stdin", reason });
  }
  return task;
}

function scheduleJson({ envHash: _, fireAt: __, createdAt: ___, ...schedule }: Schedule): ScheduleJson {
  const task = Object.fromEntries(
    Object.entries(schedule.task).filter(([, value]) => value !== null && value !== undefined),
  );
  return { ...schedule, task, nextAt: toIso(schedule.nextAt), lastAt: toIso(schedule.lastAt) };
}
