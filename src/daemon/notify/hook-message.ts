import type { Hook } from "../../core/hooks.ts";
import type { State } from "../../core/machine.ts";
import { states } from "../../core/machine.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { Engine } from "../../engine/index.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import { surroundings } from "../views/surroundings.ts";
import { eventJson, taskJson } from "../views/task-json.ts";

/** Returns a hook's message: `type` (`task.completed`), `timestamp`, the event, and its task as it is then. */
export async function hookMessage(engine: Engine, event: TaskEvent, task: Task | null): Promise<object> {
  return message(event, task && taskJson(task, await surroundings(engine)));
}

/** Returns an example message, for an existing task or none. Its event has the number 0 and the cause `test`. */
export function exampleMessage({ on }: Hook, task: TaskJson | null, now: number): object {
  const to = states.find((state) => on.includes(state)) ?? ("completed" satisfies State);
  const event = {
    at: now,
    attempt: task?.attempt ?? null,
    from: null,
    to,
    cause: "test",
    actor: "user",
    data: null,
  };
  return message({ ...event, seq: 0, task: task?.id ?? 0 }, task);
}

function message(event: TaskEvent, task: TaskJson | null): object {
  const type = `task.${event.to ?? event.cause}`;
  return { type, timestamp: toIso(event.at), event: eventJson(event), task };
}
