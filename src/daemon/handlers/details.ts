import { defined } from "../../core/defined.ts";
import { submittedFields } from "../../core/submitted.ts";
import type { Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { worktreeFacts } from "../../engine/index.ts";
import type { TaskDetailsJson } from "../../protocol/methods.ts";
import { eventJson, listedCheckpointJson } from "../views/task-json.ts";
import type { Daemon } from "./context.ts";
import { changesJson } from "./worktrees.ts";

type Details = Omit<TaskDetailsJson, keyof import("../../protocol/methods.ts").TaskJson>;

/** Returns what `show` adds to a task: its history, and what it is doing now. */
export async function detailsOf({ engine }: Daemon, task: Task): Promise<Details> {
  const { store } = engine;
  const [attempts, checkpoints, steps, events] = await Promise.all([
    store.attempts(task.id),
    store.checkpoints(task.id),
    store.stepsOf(task.id),
    store.events({ after: 0, task: task.id, limit: 100_000 }),
  ]);
  return {
    attempts: attempts.map(({ n, pid, startedAt, endedAt, outcome, exitCode, signal, machine }) => ({
      n,
      pid:
        pid ??
        (engine.active.get(task.id)?.attempt === n
          ? (engine.active.get(task.id)?.running?.program?.pid ?? null)
          : null),
      startedAt: toIso(startedAt),
      endedAt: toIso(endedAt),
      outcome,
      exitCode,
      signal,
      ...defined({ machine: machine ?? undefined }),
    })),
    checkpoints: checkpoints.map(listedCheckpointJson),
    steps: steps
      .filter((step) => step.kind === "step")
      .map(({ name, n, startedAt, endedAt, size, unused }) => ({
        name,
        n,
        startedAt: toIso(startedAt),
        endedAt: toIso(endedAt),
        size,
        unused: unused === true,
      })),
    events: events.map(eventJson),
    activity: activityOf(engine, task),
    plannedPause: plannedOf(task),
    input: task.input === undefined ? null : JSON.stringify(task.input).slice(0, INPUT_CHARS),
    options: optionsOf(task),
    tree: treeOf(engine, task),
    changes: changesJson(await worktreeFacts(engine, task)),
  };
}

/** How many characters of an input are shown. */
const INPUT_CHARS = 500;

function optionsOf(task: Task): Details["options"] {
  // The other options are already in the JSON of every task.
  const differs = ({ name, fallback, isShown }: (typeof submittedFields)[number]) =>
    !isShown && JSON.stringify(task[name]) !== JSON.stringify(fallback) && !isSetByDaemon(name);
  // A `notBefore` that the daemon set itself, for a back-off or a limit.
  const isSetByDaemon = (name: string) => name === "notBefore" && (task.delay ?? "time") !== "time";
  return Object.fromEntries(submittedFields.filter(differs).map(({ name }) => [name, task[name]]));
}

function treeOf({ active, runner }: Daemon["engine"], { id }: Task): Details["tree"] {
  const running = active.get(id)?.running;
  if (!running) return null;
  const members = runner.tree(running).filter(({ isGuard }) => !isGuard);
  const sum = (field: "cpuMs" | "residentBytes") =>
    members.reduce((total, member) => total + member[field], 0);
  return { processes: members.length, cpuMs: sum("cpuMs"), memoryBytes: sum("residentBytes") };
}

function plannedOf({ pauseAt }: Task): Details["plannedPause"] {
  if (!pauseAt) return null;
  const { at, mode, until, actor, reason } = pauseAt;
  return { at: toIso(at), mode, until: toIso(until), actor, reason };
}

function activityOf(engine: Daemon["engine"], task: Task): Details["activity"] {
  const active = engine.active.get(task.id);
  if (!active) return { running: [], doing: null, deadline: null };
  const deadline = active.graceDeadline;
  return {
    running: [...active.inFlight.values()].map(({ name, startedAt }) => ({
      name,
      startedAt: toIso(startedAt),
    })),
    doing: active.intent?.kind ?? null,
    deadline:
      deadline === null ? null : toIso(Math.round(engine.clock.now() + deadline - engine.clock.mono())),
  };
}
