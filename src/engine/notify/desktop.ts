import type { State } from "../../core/machine.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import type { Clock } from "../../core/time.ts";
import type { Store } from "../../store/store.ts";
import type { Log } from "../ports.ts";
import { runProgram } from "./program.ts";

/** After this time, in ms, we assume that the user no longer watches the task. */
const MIN_RUN_MS = 60_000;

const phrases: Partial<Record<State, string>> = {
  completed: "has completed",
  failed: "has failed",
  "input-required": "asks a question",
};

export interface DesktopOptions {
  store: Store;
  clock: Clock;
  log: Log;
  env: Record<string, string>;
  cwd: string;
  platform: NodeJS.Platform;
  /** The address of the user's session bus. */
  bus: string;
  /** Returns whether the user wants notifications now. */
  isOn(): boolean;
}

/**
 * Shows a desktop notification for the end, failure or question of a task that has run for more than a minute, with
 * `notify-send` or `osascript`. A notification is shown once or not at all; a failed one is not repeated.
 */
export function notifyDesktop(options: DesktopOptions): void {
  let isFailing = false;
  options.store.onEvents((events) => {
    if (!options.isOn()) return;
    for (const event of events) {
      void show(options, event).then((reason) => {
        // Without a desktop, only the first failure is logged, not one for each task.
        if (reason !== null && !isFailing) options.log.warn({ reason }, "a desktop notification failed");
        isFailing = reason !== null;
      });
    }
  });
}

async function show(options: DesktopOptions, event: TaskEvent): Promise<string | null> {
  const phrase = event.to && phrases[event.to];
  if (!phrase) return null;
  const task = await options.store.get(event.task).catch(() => undefined);
  if (!task || task.runMs < MIN_RUN_MS) return null;
  const { bus, clock, cwd, platform } = options;
  const argv = notification(platform, `agentctl: ${task.name ?? `task ${task.id}`} ${phrase}`, detail(task));
  const env = { ...options.env, DBUS_SESSION_BUS_ADDRESS: bus };
  const result = await runProgram(
    { argv, env, cwd, clock },
    { message: "", body: "" },
    new AbortController().signal,
  );
  if (result.ok) return null;
  return result.said === "" ? result.reason : `${result.reason}: ${result.said}`;
}

function detail({ id, question, error, argv, module }: Task): string {
  if (question) return `${question.prompt}\nagentctl answer ${id} <text>`;
  return error?.message ?? module?.path ?? argv?.join(" ") ?? "";
}

/** Returns the command for a notification. The texts are separate arguments, so they cannot be commands or options. */
export function notification(platform: NodeJS.Platform, title: string, body: string): string[] {
  if (platform !== "darwin") return ["notify-send", "--app-name=agentctl", "--", title, body.slice(0, 300)];
  const script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run";
  return ["osascript", "-e", script, "--", title, body.slice(0, 300)];
}
