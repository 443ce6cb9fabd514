/**
 * The module of a task with a coding agent. It runs processes of the agent one after the other until the agent is done.
 * Between them it asks people, waits for a limit or is paused. Its checkpoint holds all that a later attempt needs.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { AgentFacts } from "../core/agents.ts";
import { systemClock } from "../core/time.ts";
import type { AgentTask } from "../sdk/agent-task.ts";
import { defineTask } from "../sdk/define-task.ts";
import { AgentFailed } from "./adapter/failed.ts";
import { adapterOf } from "./adapters.ts";
import { forgetCalls, restoreState } from "./host/beginning.ts";
import { decideNext, noteInterruptedCall } from "./host/decide-next.ts";
import { Drive, type DriveOptions, type DriveResult } from "./host/drive.ts";
import { applyAnswer } from "./host/permits.ts";
import { type AgentSpec, type AgentState, freshState, reportOf } from "./host/state.ts";

// biome-ignore lint/style/noDefaultExport: a task module exports its task so
export default defineTask<AgentSpec & { facts: AgentFacts | null }, string | null, AgentState>(
  async (rawTask, { facts, ...spec }) => {
    const task = rawTask as AgentTask<AgentState>;
    if (!facts) throw new AgentFailed(`there is no agent ${spec.agent}`);
    const open = adapterOf(facts);
    const chosen = facts.session === "chosen" ? randomUUID() : null;
    const checkpoint = task.checkpoint;
    // Only the first attempt continues a given session. A later one that starts over begins a new session.
    const state =
      checkpoint ?? freshState(task.attempt === 1 ? spec : { ...spec, session: null }, process.cwd(), chosen);
    // Answers since the checkpoint stand after it, so we do not save another checkpoint before we have read them.
    const dir = join(task.dir, "agent");
    if (checkpoint) {
      noteInterruptedCall(state, dir);
      restoreState(state, dir, facts, true);
      if (state.account !== spec.account)
        Object.assign(state, { account: spec.account, limit: null, limits: 0 });
    } else {
      forgetCalls(dir);
      await task.save(state);
    }
    await claim(task, state);
    const programs = { node: process.execPath, hook: join(import.meta.dirname, "agent-hook.cjs") };
    const run = { facts, env: task.env, dir, programs };
    for (;;) {
      const result = await runOnce({ task, spec, state, open, run });
      if (result !== undefined) return result;
    }
  },
);

/** Runs one process of the agent, and what comes before and after it. Returns the task's result when it is done. */
async function runOnce(options: DriveOptions): Promise<string | undefined> {
  const { task, state } = options;
  await askPerson(options);
  state.inbox.push(...(await task.messages()));
  state.begunAt ??= systemClock.now();
  await task.save(state);
  const release = task.busy();
  let result: DriveResult;
  try {
    result = await new Drive(options).run();
  } catch (error) {
    release();
    throw error;
  }
  const next = decideNext(options, result);
  if ("result" in next) {
    release();
    return next.result;
  }
  // The save starts before a pause may leave the task, so that this state is the one that is kept.
  const saved = task.save(state);
  await claim(task, state);
  release();
  await saved;
  if ("error" in next) throw next.error;
  if ("suspend" in next) await task.suspend(next.suspend);
  return undefined;
}

/** Sends the report on the agent, and claims its session for this task. */
async function claim(task: AgentTask<AgentState>, state: AgentState): Promise<void> {
  await task.report(reportOf(state), state.session === null ? {} : { session: state.session });
}

/** Asks a person the open question, if there is one, and applies the answer. */
async function askPerson({ task, state }: DriveOptions): Promise<void> {
  if (!state.asking) return;
  const { prompt, choices } = state.asking;
  await task.report(reportOf(state));
  applyAnswer(state, await task.ask(prompt, choices ? { choices } : {}));
  await task.report(reportOf(state));
  await task.save(state);
}
