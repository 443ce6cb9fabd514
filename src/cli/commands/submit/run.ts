import type { AgentctlError } from "../../../core/errors.ts";
import type { NewTask, TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { callDaemon, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { attend, OWN_FAILURE } from "../../follow/attend.ts";
import { Interrupt, leaveAtSecond } from "../../follow/interrupt.ts";
import { ensureHandOver } from "../../input/caller-environment.ts";
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
  defaultOperand: ({ each }) => (each === true ? "-" : undefined),
  acceptsOptionsAfter: ([first], isMarked, context) => !isMarked && isModule(first, context),
  async run(context, operands, options, isMarked) {
    const { out } = context;
    if (options.follow && out.json)
      throw usage("--follow prints the task's output, --json the task: use --wait --json");
    if (options.each) return await submitEach(context, { operands, isMarked }, options);
    const params = await submissionOf(context, { operands, isMarked }, options);
    const interrupt = options.follow || options.wait ? new Interrupt(leaveAtSecond) : undefined;
    const isUnused = options.stdin === undefined && options.input !== "-" ? hasUnreadStdin() : false;
    const { task, created } = await submit(context, params, options).catch((error) => {
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
    const isWaitingForMachine = created && task.waiting?.for === "machine" && context.host === null;
    // The task is submitted, even if this note fails.
    if (isWaitingForMachine && options.on.length > 0)
      await noteAwayMachines(context, task.id, options.on).catch(() => undefined);
    if (interrupt) return await followTask(context, task, options, interrupt);
    if (out.json) out.data(task);
    else out.line(String(task.id));
    return 0;
  },
});

/** Says if none of the wanted machines is up: a machine without a daemon looks like one that is busy. */
async function noteAwayMachines({ paths, out }: Context, id: number, on: readonly string[]): Promise<void> {
  const { clusterHere } = await import("../../../client/cluster.ts");
  const { machines } = await clusterHere(paths);
  const matching = machines.filter(({ name, labels }) =>
    on.every(
      (word) => word === name || Object.entries(labels).some(([key, value]) => `${key}=${value}` === word),
    ),
  );
  if (matching.some(({ state }) => state === "up")) return;
  const states = matching.map(({ name, state }) => `machine ${name} is ${state}`);
  const machinesText = states.join(", ") || `no machine is ${on.join(" and ")}`;
  out.note(`task ${id} waits: ${machinesText}`, "agentctl daemon start, on that machine");
}

const UNUSED_STDIN = "what is piped in here was not used: a task's stdin is empty without --stdin";

/** Submits the task, with what is piped in if `--stdin -` asks for it. */
async function submit(context: Context, params: NewTask, { stdin }: RunValues) {
  await ensureHandOver(context);
  if (stdin !== "-") return await callDaemon(context, "tasks/create", params);
  if (context.host) return await submitToHost(context, params);
  const pipedInput = await pipedFile(context);
  try {
    return await callDaemon(context, "tasks/create", { ...params, stdin: { copy: pipedInput.path } });
  } finally {
    pipedInput.remove();
  }
}

/** Submits to a host, which cannot read our files: what is piped in goes through the connection. */
async function submitToHost(context: Context, params: NewTask) {
  const bytes = await pipedBytes(context);
  return await withDaemon(context, async (rpc) => {
    const upload = uploader(rpc);
    await upload.write(bytes);
    return await rpc.call("tasks/create", { ...params, stdin: { bundle: await upload.bundle() } });
  });
}

async function followTask(
  context: Context,
  task: TaskJson,
  options: RunValues,
  interrupt: Interrupt,
): Promise<number> {
  const { out } = context;
  const { id } = task;
  const comeBack = options.follow ? `agentctl logs -f ${id}` : `agentctl wait ${id}`;
  if (options.follow) out.note(`task ${id}`);
  else if (!out.json) out.line(String(id));
  const heading = (attempt: number) => (attempt > 1 ? out.note(`── attempt ${attempt} ──`) : undefined);
  const tail = options.follow ? await loadTail(out, heading) : {};
  const { seen, exitCode: earlyExitCode } = await attend(context, {
    ids: [id],
    exitOnPause: options.exitOnPause,
    cancelOnExit: options.cancelOnExit,
    comeBack,
    interrupt,
    ...tail,
  });
  const lastState = seen.get(id);
  if (!lastState || !("state" in lastState)) return await reportUnseen(context, lastState, earlyExitCode);
  if (out.json) out.data(lastState);
  else if (earlyExitCode === undefined && lastState.state !== "completed") out.note(endLine(lastState));
  return earlyExitCode ?? exitCodeOf(lastState);
}

/** Loads the log tail only to follow a task: a command that only submits does not need it. */
async function loadTail(out: Context["out"], heading: (attempt: number) => void) {
  const { LogTail } = await import("../../../home/log-tail.ts");
  return { tail: new LogTail((chunk) => out.bytes(chunk), heading) };
}

async function reportUnseen(
  context: Context,
  error: AgentctlError | undefined,
  earlyExitCode: number | undefined,
): Promise<number> {
  if (error) await reportFailure(error, context.out, context);
  return error ? OWN_FAILURE : (earlyExitCode ?? OWN_FAILURE);
}
