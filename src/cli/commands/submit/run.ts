import type { AgentctlError } from "../../../core/errors.ts";
import type { NewTask, TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { callDaemon, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { attend, OWN_FAILURE } from "../../follow/attend.ts";
import { Interrupt, leaveAtSecond } from "../../follow/interrupt.ts";
import { madeRoom } from "../../input/caller-environment.ts";
import { hasUnreadStdin, pipedBytes, pipedFile } from "../../input/piped.ts";
import { asTyped, isModule, type RunValues, runOptions, submissionOf } from "../../input/submission.ts";
import { reportFailure } from "../../text/failure.ts";
import { exitCodeOf } from "../../text/task-result.ts";
import { endLine } from "../../text/task-text.ts";
import { uploader } from "../travel/bundles.ts";
import { submitEach } from "./each.ts";

export const run = command({
  name: "run",
  summary: "submit a program, a task module or a coding agent; prints its id",
  notes: [
    "Options come before the program. What follows the program reaches it byte for byte, without a shell.",
    "A first operand that is a file ending in .ts, .mts, .cts, .tsx, .js, .mjs, .cjs or .jsx is a task module, and options may follow it; after -- it is always a program.",
  ].join("\n"),
  args: [
    ["<program>", "a program on the PATH or a path, or a task module; with --agent its prompt, @file or -"],
    ["[args...]", "its arguments"],
  ],
  options: runOptions,
  examples: [
    ["run make test", "submit, and print the id"],
    [
      "run --name nightly --retries 3 -- python3 train.py --epochs 10",
      "options of run, then the program's own",
    ],
    ["run -f sh -c 'echo $HOME; sleep 5'", "print its output and end with its exit code"],
    ['run --agent claude "make the tests pass"', "a coding agent with its prompt"],
    ["run --agent codex --worktree --each < prompts.txt", "one task for each line"],
    ['run research.ts --input \'{"topic":"tea"}\'', "a task module with its input"],
  ],
  meant: ({ each }) => (each === true ? "-" : undefined),
  mayFollow: ([first], isMarked, context) => !isMarked && isModule(first, context),
  async run(context, operands, given, isMarked) {
    const { out } = context;
    if (given.follow && out.json)
      throw usage("--follow prints the task's output, --json the task: use --wait --json");
    if (given.each) return await submitEach(context, { operands, isMarked }, given);
    const params = await submissionOf(context, { operands, isMarked }, given);
    const interrupt = given.follow || given.wait ? new Interrupt(leaveAtSecond) : undefined;
    const isUnused = given.stdin === undefined && given.input !== "-" ? hasUnreadStdin() : false;
    const { task, created } = await submitted(context, params, given).catch((error) => {
      interrupt?.end();
      throw asTyped(error, { before: ["run"], argv: params.argv });
    });
    if (await isUnused) out.note(UNUSED_STDIN, "agentctl run --stdin - keeps it for the task");
    if (created && task.agent?.permissions === "all") {
      out.note(`${task.agent.name} may run every command and change every file that you may, without asking`);
    }
    if (!created) out.note(`task ${task.id} has this key already; nothing new was started`);
    if (created && task.waiting?.for === "queue") {
      const { on } = task.waiting;
      out.note(`task ${task.id} waits: queue ${on} is held`, `agentctl queue release ${on}`);
    }
    const isElsewhere = created && task.waiting?.for === "machine" && context.host === null;
    // The task is submitted, even if this note fails.
    if (isElsewhere && given.on.length > 0)
      await sayWhoIsAway(context, task.id, given.on).catch(() => undefined);
    if (interrupt) return await attended(context, task, given, interrupt);
    if (out.json) out.data(task);
    else out.line(String(task.id));
    return 0;
  },
});

/** Says if none of the wanted machines is up: a machine without a daemon looks like one that is busy. */
async function sayWhoIsAway({ paths, out }: Context, id: number, on: readonly string[]): Promise<void> {
  const { clusterHere } = await import("../../../client/cluster.ts");
  const { machines } = await clusterHere(paths);
  const wanted = machines.filter(({ name, labels }) =>
    on.every((word) => word === name || Object.entries(labels).some(([k, v]) => `${k}=${v}` === word)),
  );
  if (wanted.some(({ state }) => state === "up")) return;
  const states = wanted.map(({ name, state }) => `machine ${name} is ${state}`);
  const who = states.join(", ") || `no machine is ${on.join(" and ")}`;
  out.note(`task ${id} waits: ${who}`, "agentctl daemon start, on that machine");
}

const UNUSED_STDIN = "what is piped in here was not used: a task's stdin is empty without --stdin";

/** Submits the task, with what is piped in if `--stdin -` asks for it. */
async function submitted(context: Context, params: NewTask, { stdin }: RunValues) {
  await madeRoom(context);
  if (stdin !== "-") return await callDaemon(context, "tasks/create", params);
  if (context.host) return await submittedThere(context, params);
  const piped = await pipedFile(context);
  try {
    return await callDaemon(context, "tasks/create", { ...params, stdin: { copy: piped.path } });
  } finally {
    piped.remove();
  }
}

/** Submits to a host, which cannot read our files: what is piped in goes through the connection. */
async function submittedThere(context: Context, params: NewTask) {
  const bytes = await pipedBytes(context);
  return await withDaemon(context, async (rpc) => {
    const up = uploader(rpc);
    await up.take(bytes);
    return await rpc.call("tasks/create", { ...params, stdin: { bundle: await up.bundle() } });
  });
}

async function attended(
  context: Context,
  task: TaskJson,
  given: RunValues,
  interrupt: Interrupt,
): Promise<number> {
  const { out } = context;
  const { id } = task;
  const comeBack = given.follow ? `agentctl logs -f ${id}` : `agentctl wait ${id}`;
  if (given.follow) out.note(`task ${id}`);
  else if (!out.json) out.line(String(id));
  const heading = (attempt: number) => (attempt > 1 ? out.note(`── attempt ${attempt} ──`) : undefined);
  const tail = given.follow ? await tailOf(out, heading) : {};
  const { seen, left } = await attend(context, {
    ids: [id],
    exitOnPause: given.exitOnPause,
    cancelOnExit: given.cancelOnExit,
    comeBack,
    interrupt,
    ...tail,
  });
  const last = seen.get(id);
  if (!last || !("state" in last)) return await unseen(context, last, left);
  if (out.json) out.data(last);
  else if (left === undefined && last.state !== "completed") out.note(endLine(last));
  return left ?? exitCodeOf(last);
}

/** Loads the log tail only to follow a task: a command that only submits does not need it. */
async function tailOf(out: Context["out"], heading: (attempt: number) => void) {
  const { LogTail } = await import("../../../home/log-tail.ts");
  return { tail: new LogTail((chunk) => out.bytes(chunk), heading) };
}

async function unseen(
  context: Context,
  error: AgentctlError | undefined,
  left: number | undefined,
): Promise<number> {
  if (error) await reportFailure(error, context.out, context);
  return error ? OWN_FAILURE : (left ?? OWN_FAILURE);
}
