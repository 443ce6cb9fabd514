/** Many tasks in one answer, which may not grow without bound. */
import type { Task } from "../../core/task.ts";
import { MAX_LINE_BYTES } from "../../protocol/framing.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Surroundings } from "./surroundings.ts";
import { shownAs } from "./task-json.ts";

/** So many bytes of results stand in one answer about many tasks; `show` has what is left out of it. */
const RESULT_BYTES = 4 * 1024 * 1024;

/** Tasks as they are shown, or these fields of them; results beyond the first so many bytes are left out. */
export function taskJsons(
  tasks: readonly Task[],
  around: Surroundings,
  fields?: readonly (keyof TaskJson)[],
): TaskJson[] {
  const show = shownAs(fields);
  let left = RESULT_BYTES;
  return tasks.map((task) => {
    const json = show(task, around);
    if (json.result === null || json.result === undefined) return json;
    left -= JSON.stringify(json.result).length;
    return left >= 0 ? json : { ...json, result: null };
  });
}

/** So many bytes of tasks stand in one page: half of the longest line. */
const PAGE_BYTES = MAX_LINE_BYTES / 2;

/** As many of the first tasks as one line has room for, and at least one; with their JSON, which was made to see that. */
export function inOneLine(tasks: TaskJson[]): { tasks: TaskJson[]; json: string } {
  const texts: string[] = [];
  let left = PAGE_BYTES;
  for (const task of tasks) {
    const text = JSON.stringify(task);
    left -= Buffer.byteLength(text) + 1;
    if (left < 0 && texts.length > 0) break;
    texts.push(text);
  }
  return { tasks: tasks.slice(0, texts.length), json: `[${texts.join(",")}]` };
}
