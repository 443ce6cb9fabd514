import { type ListTasksRequest, TaskState } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import type { TaskJson } from "../../../protocol/methods.ts";
import { type Agent, CONTEXT } from "./agent.ts";
import { stateOf } from "./task-view.ts";

const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 100;

interface Page {
  tasks: TaskJson[];
  nextPageToken: string;
  pageSize: number;
  totalSize: number;
}

/** Returns one page of the tasks that match the request, most recently changed first. */
export async function listTasks(agent: Agent, params: ListTasksRequest): Promise<Page> {
  const { contextId, status, pageToken, statusTimestampAfter } = params;
  const pageSize = params.pageSize ?? PAGE_SIZE;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
    throw new RequestMalformedError({ message: `pageSize is a number from 1 to ${MAX_PAGE_SIZE}` });
  }
  const since = statusTimestampAfter === undefined ? null : timeOf(statusTimestampAfter);
  const all = await everyTask(agent, contextId);
  const selected = all
    .filter((task) => status === TaskState.TASK_STATE_UNSPECIFIED || stateOf(task) === status)
    .filter((task) => since === null || Date.parse(task.updatedAt) >= since)
    .sort((a, b) => b.updatedAt.localeCompare(a.updatedAt) || b.id - a.id);
  const from = pageToken === "" ? 0 : placeOf(selected, pageToken);
  const tasks = selected.slice(from, from + pageSize);
  const last = tasks.at(-1);
  const hasMore = from + pageSize < selected.length && last !== undefined;
  return { tasks, nextPageToken: hasMore ? tokenOf(last) : "", pageSize, totalSize: selected.length };
}

async function everyTask(agent: Agent, contextId: string): Promise<TaskJson[]> {
  const labels = contextId === "" ? {} : { labels: { [CONTEXT]: contextId } };
  const tasks: TaskJson[] = [];
  let cursor: string | null = null;
  do {
    const page: { tasks: TaskJson[]; next: string | null } = await agent.call("tasks/list", {
      ...labels,
      limit: 10_000,
      ...(cursor === null ? {} : { cursor }),
    });
    tasks.push(...page.tasks);
    cursor = page.next;
  } while (cursor !== null);
  return tasks;
}

function tokenOf({ updatedAt, id }: TaskJson): string {
  return Buffer.from(`${updatedAt} ${id}`).toString("base64url");
}

/** Returns the index after the task that the token names, even if that task has changed since. */
function placeOf(tasks: readonly TaskJson[], token: string): number {
  const [updatedAt = "", id = ""] = Buffer.from(token, "base64url").toString("utf8").split(" ");
  if (Number.isNaN(Date.parse(updatedAt)) || !/^\d+$/.test(id)) {
    throw new RequestMalformedError({ message: "pageToken must be that of an earlier page" });
  }
  const isBehind = (task: TaskJson) =>
    task.updatedAt < updatedAt || (task.updatedAt === updatedAt && task.id < Number(id));
  const place = tasks.findIndex(isBehind);
  return place === -1 ? tasks.length : place;
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new RequestMalformedError({ message: "statusTimestampAfter must be a time in ISO 8601" });
}
