/** The methods for schedules, with scope `people`. */
import * as v from "valibot";
import { missedChoices, overlapChoices } from "../../core/recurring.ts";
import { newTask, task } from "../task-values.ts";
import { actor, durationMs, nullable, plain, queueName } from "../values.ts";

/** A name that is usable in a label, a key and a table. */
const scheduleName = queueName;

export const schedule = v.object({
  name: v.string(),
  cron: v.string(),
  tz: v.string(),
  overlap: v.picklist(overlapChoices),
  missed: v.picklist(missedChoices),
  jitterMs: v.number(),
  paused: v.boolean(),
  /** The next planned time; null while the schedule is paused. */
  nextAt: nullable(v.string()),
  /** The planned time of the last run, and the id of its task. */
  lastAt: nullable(v.string()),
  lastTask: nullable(v.number()),
  /** Why the last planned run was refused; null if it was not. */
  lastError: nullable(v.string()),
  /** The fields with which each run is submitted, without its environment. */
  task: v.record(v.string(), v.unknown()),
});

const nameParams = v.strictObject({ name: scheduleName });
const changed = v.object({ schedule, changed: v.boolean() });

export const scheduleMethods = {
  "schedules/add": {
    params: v.strictObject({
      name: scheduleName,
      cron: plain(200),
      tz: v.optional(plain(100)),
      overlap: v.optional(v.picklist(overlapChoices)),
      missed: v.optional(v.picklist(missedChoices)),
      jitterMs: v.optional(durationMs),
      /** Replace the schedule of this name, if there is one. */
      replace: v.optional(v.boolean()),
      task: newTask,
    }),
    result: v.object({ schedule }),
    scope: "people",
    about:
      "Adds a schedule: at each time that `cron` (five or six fields, such as `30 2 * * *`, or `@daily`, or `@every 90m`) names in the zone `tz` (by default the daemon's), the task is submitted with the label `schedule=<name>`. A planned run is submitted at most once. With `replace` it replaces a schedule of that name, and keeps its last run and whether it is paused.",
  },
  "schedules/list": {
    params: v.strictObject({}),
    result: v.object({ schedules: v.array(schedule) }),
    scope: "people",
    about: "All schedules, by name.",
  },
  "schedules/get": {
    params: nameParams,
    result: v.object({ schedule }),
    scope: "people",
    about: "One schedule; `ScheduleNotFound` if there is none of that name.",
  },
  "schedules/pause": {
    params: nameParams,
    result: changed,
    scope: "people",
    about: "The schedule submits no runs until it is resumed. Runs planned in between are skipped.",
  },
  "schedules/resume": {
    params: nameParams,
    result: changed,
    scope: "people",
    about: "A paused schedule submits runs again, from now on.",
  },
  "schedules/remove": {
    params: nameParams,
    result: v.object({ schedule }),
    scope: "people",
    about: "Removes a schedule; its tasks stay.",
  },
  "schedules/run": {
    params: v.strictObject({ name: scheduleName, actor: v.optional(actor) }),
    result: v.object({ task }),
    scope: "people",
    about: "Submits one run now, whatever is planned or open.",
  },
} as const;
