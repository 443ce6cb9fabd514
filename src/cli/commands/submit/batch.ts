import { AgentctlError, type ErrorName } from "../../../core/errors.ts";
import type { NewTask } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import {
  callerDirectory,
  callerEnvironment,
  callerInherited,
  ensureHandOver,
} from "../../input/caller-environment.ts";
import { fileText, pathOfTask } from "../../input/input.ts";
import { isNotFound } from "../../input/submission.ts";
import { throughShell } from "../../text/terminal-text.ts";

export const batch = command({
  name: "batch",
  summary: "submit many tasks, all or none; prints their ids in order",
  notes:
    "A line is one task as JSON, with the fields of tasks/create. Tasks get the caller's directory and environment; env adds to it. " +
    "A line's after may name an earlier line.",
  args: [["[file]", "lines of JSON; - and none read stdin"]],
  options: {},
  examples: [
    ["batch tasks.jsonl", 'lines such as {"argv":["convert","a.png"],"queue":"images"}'],
    [
      "batch < tasks.jsonl",
      'the same from stdin; {"after":["build"],"argv":["deploy"]} comes after the line with "name":"build"',
    ],
  ],
  async run(context, [file]) {
    const { out } = context;
    const lines = (await fileText(context, file)).split("\n");
    const numberedLines = lines
      .map((text, index) => ({ text, number: index + 1 }))
      .filter(({ text }) => text.trim() !== "");
    if (numberedLines.length === 0) {
      if (out.json) out.data([]);
      else out.note("no tasks in it; nothing was submitted");
      return 0;
    }
    const tasks = numberedLines.map((line) => withAbsolutePaths(context, parseLine(line)));
    const env = callerEnvironment(context);
    const haveDirectories = tasks.every(({ cwd }) => cwd !== undefined);
    const shared = { env, ...(haveDirectories ? {} : callerDirectory(context, undefined)) };
    await ensureHandOver(context);
    const { tasks: created } = await withDaemon(context, (rpc) =>
      rpc.call("tasks/batch", { tasks, ...shared, inherited: callerInherited(context) }).catch((error) => {
        throw withLineNumber(error, numberedLines, tasks);
      }),
    );
    if (out.json) out.data(created);
    else for (const { id } of created) out.line(String(id));
    return 0;
  },
});

interface Line {
  text: string;
  number: number;
}

function parseLine({ text, number }: Line): NewTask {
  let task: unknown;
  try {
    task = JSON.parse(text);
  } catch (error) {
    throw usage(`line ${number} is not JSON: ${(error as Error).message}`);
  }
  if (typeof task === "object" && task !== null && !Array.isArray(task)) return task as NewTask;
  throw usage(`line ${number} is not a JSON object with the fields of a task`);
}

/** Resolves the paths of a line against the caller's directory. */
function withAbsolutePaths(context: Context, task: NewTask): NewTask {
  const { module, stdin } = task;
  const isFile = typeof stdin === "string" && stdin !== "pipe" && stdin !== "-";
  const resolvePath = (path: unknown) =>
    (typeof path === "string" ? pathOfTask(context, path) : path) as string;
  return {
    ...task,
    ...(task.cwd === undefined ? {} : { cwd: resolvePath(task.cwd) }),
    ...(task.envFile === undefined ? {} : { envFile: resolvePath(task.envFile) }),
    ...(isFile ? { stdin: resolvePath(stdin) } : {}),
    ...(typeof module === "string" ? { module: resolvePath(module) } : {}),
  };
}

/** Adds the line number to an error: the daemon only knows the index of the task in the call. */
function withLineNumber(error: unknown, lines: readonly Line[], tasks: readonly NewTask[]): unknown {
  if (!(error instanceof AgentctlError)) return error;
  const { name, data, message, hint } = error;
  const [, index = data.at, field = ""] = /^tasks\.(\d+)\.?(.*)$/.exec(String(data.field)) ?? [];
  const line = index === undefined ? undefined : lines[Number(index)];
  if (!line) return error;
  const place = field === "" ? `line ${line.number}` : `line ${line.number}, ${field}`;
  const betterHint = shellHint(data, tasks[Number(index)]?.argv) ?? hint;
  const options = betterHint ? { hint: betterHint } : {};
  if (name === "InvalidParams") return new AgentctlError(name, { ...data, field: place }, options);
  return new AgentctlError(name as ErrorName, data, { ...options, message: `${place}: ${message}` });
}

function shellHint(data: AgentctlError["data"], argv: readonly string[] | undefined): string | undefined {
  const line = isNotFound(data) ? throughShell(argv ?? []) : undefined;
  return line && `"argv":${JSON.stringify(line)} has a shell read it`;
}
