/** The tools, as data: what an agent reads to choose one, its arguments, and the daemon's method that it calls. */

import { AgentctlError } from "../core/errors.ts";
import { states as everyState } from "../core/machine.ts";
import type { Access } from "./access.ts";
import { logText } from "./log-text.ts";

type JsonSchema = Record<string, unknown>;
type Args = Record<string, unknown>;

export interface Tool {
  name: string;
  title: string;
  about: string;
  args: Record<string, JsonSchema>;
  required?: readonly string[];
  /** What it does to a task: nothing, something that can be undone, or something that cannot. */
  effect: "reads" | "changes" | "destroys";
  run(access: Access, args: Args): Promise<Args>;
}

const id = { type: ["integer", "string"], description: "the task's id, uuid or name" };
const text = (description: string) => ({ type: "string", description });
const number = (description: string, extra: JsonSchema = {}) => ({
  type: "integer",
  minimum: 0,
  description,
  ...extra,
});
const states = {
  type: "array",
  items: {
    type: "string",
    enum: everyState,
  },
  description: "only tasks in these states",
};

/** The longest wait of one call, in ms. The call must return before the agent's client gives up. */
const MAX_WAIT_MS = 50_000;
const MAX_LISTED = 200;
/** The actor in the events of a task. */
const actorParam = { actor: "mcp" };

export const tools: readonly Tool[] = [
  {
    name: "task_run",
    title: "Run a task",
    about:
      "Start a program, a task module or a coding agent as a durable background task, and return at once with its id. Give exactly one of argv, module, or agent with prompt. Use this for anything that takes longer than a minute or has to survive this conversation.",
    args: {
      argv: {
        type: "array",
        items: { type: "string" },
        minItems: 1,
        description: "the program and its arguments; no shell",
      },
      module: text("the absolute path of a task module (.ts, .js)"),
      agent: text("a coding agent: claude, codex, opencode, gemini or acp:<command>"),
      prompt: text("what the agent is to do"),
      input: { description: "the input of a module, any JSON value" },
      name: text("a name to find it by"),
      cwd: text("the absolute path of the directory to run in"),
      queue: text("the queue; default unless given"),
      priority: { type: "integer", description: "higher starts first" },
      labels: {
        type: "object",
        additionalProperties: { type: "string" },
        description: "labels to find it by",
      },
      key: text("an idempotency key: a second call with it answers the first task and starts nothing"),
    },
    effect: "changes",
    run: async (access, args) => {
      const queue = access.queue === null ? {} : { queue: access.queue };
      const defaults = {
        ...(access.cwd ? { cwd: access.cwd } : {}),
        ...(access.env ? { env: access.env } : {}),
      };
      const created = (await access.call("tasks/create", { ...defaults, ...args, ...queue })) as Args;
      // The key may belong to a task in a queue that this caller may not see.
      if (access.queue === null || (created.task as { queue: string }).queue === access.queue) return created;
      throw new AgentctlError("InvalidParams", {
        field: "key",
        reason: "is that of a task in another queue",
      });
    },
  },
  {
    name: "task_list",
    title: "List tasks",
    about: "List tasks: open ones and those that ended last, newest last. Narrow by state, queue or labels.",
    args: {
      state: states,
      queue: text("only tasks of this queue"),
      labels: {
        type: "object",
        additionalProperties: { type: "string" },
        description: "only tasks with these labels",
      },
      limit: number("maximum number of tasks; 50 unless given", { minimum: 1, maximum: MAX_LISTED }),
    },
    effect: "reads",
    run: async (access, { limit = 50, ...args }) => {
      const queue = access.queue === null ? {} : { queue: access.queue };
      const params = { ...args, ...queue, recent: Number(limit), limit: 10_000 };
      const { tasks } = (await access.call("tasks/list", params)) as { tasks: Args[] };
      return { tasks: tasks.slice(-Number(limit)) };
    },
  },
  {
    name: "task_get",
    title: "Look at a task",
    about:
      "Everything about one task: its state, why it waits, its question, result or error, attempts, steps, checkpoints and events.",
    args: { id },
    required: ["id"],
    effect: "reads",
    run: async (access, args) => (await access.call("tasks/get", { id: args.id, details: true })) as Args,
  },
  {
    name: "task_logs",
    title: "Read a task's output",
    about:
      "The last lines of a task's output, over all its attempts. With since (the offset that an earlier call answered as next), only what has come since then.",
    args: {
      id,
      lines: number("number of last lines; 100 unless given", { minimum: 1, maximum: 5000 }),
      since: number("the offset in bytes from which to read"),
    },
    required: ["id"],
    effect: "reads",
    run: logText,
  },
  {
    name: "task_wait",
    title: "Wait for a task",
    about:
      "Wait until a task has ended or needs somebody, at most 50 s. timedOut tells that it still runs: call again, or do something else meanwhile.",
    args: { id, timeoutMs: number("maximum wait in ms; 50000 unless given", { maximum: MAX_WAIT_MS }) },
    required: ["id"],
    effect: "reads",
    run: async (access, { id, timeoutMs = MAX_WAIT_MS }) => {
      const until = ["completed", "failed", "canceled", "input-required", "suspended"];
      const waitMs = Math.min(Number(timeoutMs), MAX_WAIT_MS);
      return (await access.call("tasks/wait", { id, until, timeoutMs: waitMs })) as Args;
    },
  },
  {
    name: "task_pause",
    title: "Pause a task",
    about:
      "Pause a working task without losing work: at a checkpoint where it can, else frozen where it stands. Answers when the pause is durable; task_get tells when the task is suspended. Undo with task_resume.",
    args: {
      id,
      mode: { type: "string", enum: ["auto", "checkpoint", "freeze"], description: "how; auto unless given" },
      reason: text("why; shown to people"),
      graceMs: number("how long the task may take to save a checkpoint"),
    },
    required: ["id"],
    effect: "changes",
    run: async (access, args) => {
      // A pause at a checkpoint may take a minute. It continues after this call has returned.
      const pause = (await access.call("tasks/pause", { ...args, ...actorParam, wait: false })) as {
        changed: boolean;
      };
      const waitParams = {
        id: args.id,
        until: ["suspended", "completed", "failed", "canceled"],
        timeoutMs: 45_000,
      };
      const { task } = (await access.call("tasks/wait", waitParams)) as Args;
      return { task, changed: pause.changed };
    },
  },
  {
    name: "task_resume",
    title: "Resume a task",
    about: "Let a suspended task go on from its last checkpoint or where it was frozen.",
    args: {
      id,
      from: number("an older checkpoint, by its number", { minimum: 1 }),
      fromStart: { type: "boolean", description: "forget all progress and begin again" },
    },
    required: ["id"],
    effect: "changes",
    run: async (access, args) => (await access.call("tasks/resume", { ...args, ...actorParam })) as Args,
  },
  {
    name: "task_cancel",
    title: "Cancel a task",
    about:
      "End a task for good, with all its processes. What it had not saved is lost; to stop it for a while use task_pause.",
    args: {
      id,
      reason: text("why; shown to people"),
      graceMs: number("how long it may take to end by itself", { maximum: 45_000 }),
    },
    required: ["id"],
    effect: "destroys",
    run: async (access, args) => (await access.call("tasks/cancel", { ...args, ...actorParam })) as Args,
  },
  {
    name: "task_send",
    title: "Send a task a message",
    about:
      "Send a message to a running or paused task that reads messages: an agent is steered by it, a module gets it from task.messages().",
    args: { id, text: text("the message") },
    required: ["id", "text"],
    effect: "changes",
    run: async (access, args) => (await access.call("tasks/send", { ...args, ...actorParam })) as Args,
  },
  {
    name: "task_answer",
    title: "Answer a task's question",
    about:
      "Answer the open question of a task that is input-required; task_get shows the question and its choices.",
    args: { id, text: text("the answer; one of the choices where there are any") },
    required: ["id", "text"],
    effect: "changes",
    run: async (access, args) => (await access.call("tasks/answer", { ...args, ...actorParam })) as Args,
  },
  {
    name: "task_artifacts",
    title: "List a task's artifacts",
    about: "The files that a task left behind: name, size and the path that holds each.",
    args: { id },
    required: ["id"],
    effect: "reads",
    run: async (access, args) => (await access.call("artifacts/list", args)) as Args,
  },
  {
    name: "queue_list",
    title: "List queues",
    about: "The queues, with their slots and how many tasks run and wait in each.",
    args: {},
    effect: "reads",
    run: async (access) => {
      const { queues } = (await access.call("queues/list", {})) as { queues: { name: string }[] };
      return { queues: queues.filter(({ name }) => access.queue === null || name === access.queue) };
    },
  },
];
