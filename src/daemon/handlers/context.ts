import type { Task } from "../../core/task.ts";
import { type Engine, type Notifier, type Paused, type Recurring, whenStarted } from "../../engine/index.ts";
import type { Paths } from "../../home/paths.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { SharedFiles } from "../cluster/shared-files.ts";
import { surroundings } from "../views/surroundings.ts";
import { taskJson } from "../views/task-json.ts";
import type { Web } from "../web.ts";

/** The parts of the daemon that every handler gets. */
export interface Daemon {
  engine: Engine;
  notifier: Notifier;
  recurring: Recurring;
  web: Web;
  paths: Paths;
  /** Files of the other machines. Null in a home that is not in a cluster. */
  files: SharedFiles | null;
  /** The id of the home. */
  home: string;
  version: string;
  startedAt: number;
  /** Reads config.json again and returns which settings changed. Throws `ConfigInvalid`, changing nothing. */
  reload(): Promise<{ changed: string[] }>;
  /** Copies the store now, to this file or into `backups/`. Returns the path of the copy. */
  backup(file?: string): Promise<string>;
  /** Ends the daemon after the response has been sent. */
  stop(options: { keep: boolean; graceMs?: number }): Promise<Paused>;
}

/** Returns a task as the socket shows it. */
export async function show({ engine }: Daemon, task: Task): Promise<TaskJson> {
  if (task.state === "working") await whenStarted(engine, [task]);
  return taskJson(task, await surroundings(engine, [task]));
}

/** Converts a time on the wire to milliseconds since 1970. */
export function parseTime(iso: string): number;
export function parseTime(iso: string | null | undefined): number | null;
export function parseTime(iso: string | null | undefined): number | null {
  return iso === null || iso === undefined ? null : Date.parse(iso);
}
