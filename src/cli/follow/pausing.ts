import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal } from "../../core/machine.ts";
import type { Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { toolText } from "../text/agent-text.ts";
import { oneLine } from "../text/terminal-text.ts";
import { untilText } from "../text/when.ts";
import { Interrupt } from "./interrupt.ts";

/** How long a pause must last before we show anything, in ms. */
const DELAY_MS = 400;
const POLL_MS = 500;

/**
 * Shows what a pause waits for, until `end` is called: on a terminal as a spinner, else as a line at each change. If
 * the user interrupts it, prints that the pause goes on.
 */
export function showPausing(
  { out, clock }: Context,
  rpc: RpcClient,
  ids: readonly (number | string)[] | undefined,
): { end: () => void } {
  const stop = new AbortController();
  const watch = async () => {
    await sleep(DELAY_MS, undefined, { signal: stop.signal });
    const interrupt = new Interrupt(() => {
      const command = ids?.length === 1 ? `show ${ids[0]}` : "list";
      out.note(`detached; the pause goes on: agentctl ${command} tells when it is done`);
      stop.abort();
      interrupt.giveUp();
    });
    stop.signal.addEventListener("abort", () => interrupt.end());
    const spinner = out.noteTerminal ? await spinnerOn(out.noteTerminal, stop.signal) : undefined;
    for (let last = ""; ; ) {
      const { text, remaining } = await pauseProgress(rpc, ids, clock.now());
      if (stop.signal.aborted) return;
      if (spinner) spinner.text = remaining ? `${text} (${remaining})` : text;
      else if (text !== last) out.note(remaining ? `${text} (${remaining})` : text);
      last = text;
      await sleep(POLL_MS, undefined, { signal: stop.signal });
    }
  };
  // A failure to show it must not affect the pause itself.
  watch().catch(() => undefined);
  return { end: () => stop.abort() };
}

async function spinnerOn(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<{ text: string }> {
  const { default: ora } = await import("ora");
  const spinner = ora({ stream, text: "pausing", discardStdin: false }).start();
  if (signal.aborted) spinner.stop();
  signal.addEventListener("abort", () => spinner.stop());
  return spinner;
}

async function pauseProgress(rpc: RpcClient, ids: readonly (number | string)[] | undefined, now: number) {
  if (!ids) return { text: "pausing: waiting until nothing of the tasks runs", remaining: "" };
  const responses = await Promise.allSettled(
    ids.slice(0, 20).map((id) => rpc.call("tasks/get", { id, details: true })),
  );
  const tasks = responses.flatMap((each) => (each.status === "fulfilled" ? [each.value.task] : []));
  const task = tasks.find(
    ({ state, activity }) => !isTerminal(state) && (state !== "suspended" || activity?.doing === "pause"),
  );
  return task ? progressOf(task, now) : { text: "pausing", remaining: "" };
}

function agentWork(agent: Result<"tasks/get">["task"]["agent"]): string {
  if (!agent) return "it to save a checkpoint and end";
  if (agent.boundary === false) return `${agent.name} to be interrupted`;
  if (!agent.tool) return `${agent.name} to come to its next tool call`;
  return `${toolText({ tool: agent.tool.name, input: agent.tool.input })} to end`;
}

function progressOf({ id, activity, agent }: Result<"tasks/get">["task"], now: number) {
  const steps = (activity?.running ?? []).map(({ name }) => JSON.stringify(oneLine(name)));
  const awaited = steps.length > 0 ? `step ${steps.join(", ")} to end` : agentWork(agent);
  const ending = agent ? "interrupted" : "killed";
  const remaining = activity?.deadline ? `${ending} ${untilText(activity.deadline, now)}` : "";
  return { text: `pausing task ${id}: waiting for ${awaited}`, remaining };
}
