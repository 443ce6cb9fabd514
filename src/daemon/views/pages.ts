/** Many tasks in one response, whose size is bounded. */
import type { Task } from "../../core/task.ts";
import { MAX_LINE_BYTES } from "../../protocol/framing.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Surroundings } from "./surroundings.ts";
import { taskPresenter } from "./task-json.ts";

/** How many bytes of results one response about many tasks holds. `show` returns the results that are left out. */
const RESULT_BYTES = 4 * 1024 * 1024;

/** Returns the JSON of tasks, or only these fields. Leaves out results beyond the first `RESULT_BYTES`. */
export function taskJsons(
  tasks: readonly Task[],
  context: Surroundings,
  fields?: readonly (keyof TaskJson)[],
): TaskJson[] {
  const toJson = taskPresenter(fields);
  let remainingBytes = RESULT_BYTES;
  return tasks.map((task) => {
    const json = toJson(task, context);
    if (json.result === null || json.result === undefined) return json;
    remainingBytes -= JSON.stringify(json.result).length;
    return remainingBytes >= 0 ? json : { ...json, result: null };
  });
}

/** How many bytes of tasks one page holds: half of the longest line. */
const PAGE_BYTES = MAX_LINE_BYTES / 2;

/** Returns the first tasks that fit in one line, at least one, with their JSON, which was made to measure them. */
export function fitInLine(tasks: TaskJson[]): { tasks: TaskJson[]; json: string } {
  const texts: string[] = [];
  let remainingBytes = PAGE_BYTES;
  for (const task of tasks) {
    const text = JSON.stringify(task);
    remainingBytes -= Buffer.byteLength(text) + 1;
    if (remainingBytes < 0 && texts.length > 0) break;
    texts.push(text);
  }
  return { tasks: tasks.slice(0, texts.length), json: `[${texts.join(",")}]` };
}
