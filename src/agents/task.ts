/**
 * The module of a task with a coding agent: processes of the agent one after the other, until it has said its last word.
 * Between them it asks people, waits for a limit, or is paused; its checkpoint holds all that a later attempt needs.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { AgentFacts } from "../core/agents.ts";
import { systemClock } from "../core/time.ts";
import type { AgentTask } from "../sdk/agent-task.ts";
import { defineTask } from "../sdk/define-task.ts";
import { AgentFailed } from "./adapter/failed.ts";
import { adapterOf } from "./adapters.ts";
import { forgetCalls, takeUp } from "./host/beginning.ts";
import { Drive, type Driven, type Means } from "./host/drive.ts";
import { following, noteWhatRanLast } from "./host/following.ts";
import { settle } from "./host/permits.ts";
import { type AgentSpec, type AgentState, freshState, reportOf } from "./host/state.ts";

// biome-ignore lint/style/noDefaultExport: a task module exports its task so
export default defineTask<AgentSpec & { facts: AgentFacts | null }, string | null, AgentState>(
  async (given, { facts, ...spec }) => {
    const task = given as AgentTask<AgentState>;
    if (!facts) throw new AgentFailed(`there is no agent ${spec.agent}`);
    const open = adapterOf(facts);
    const chosen = facts.session === "chosen" ? randomUUID() : null;
    const left = task.checkpoint;
    // A session that was given is continued once: what begins again begins another.
    const state =
      left ?? freshState(task.attempt === 1 ? spec : { ...spec, session: null }, process.cwd(), chosen);
    // What was answered since the checkpoint stands behind it, so it is not saved again before that is taken.
    const dir = join(task.dir, "agent");
    if (left) {
      noteWhatRanLast(state, dir);
      takeUp(state, dir, facts, true);
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
      const result = await once({ task, spec, state, open, run });
      if (result !== undefined) return result;
    }
  },
);

/** One process of the agent with what comes before and after it; what the task gives when it is done. */
async function once(means: Means): Promise<string | undefined> {
  const { task, state } = means;
  await asked(means);
  state.inbox.push(...(await task.messages()));
  state.begunAt ??= systemClock.now();
  await task.save(state);
  const leave = task.busy();
  let driven: Driven;
  try {
    driven = await new Drive(means).run();
  } catch (error) {
    leave();
    throw error;
  }
  const then = following(means, driven);
  if ("result" in then) {
    leave();
    return then.result;
  }
  // Begun before the task may be left, so that what is left behind is this state.
  const saved = task.save(state);
  await claim(task, state);
  leave();
  await saved;
  if ("error" in then) throw then.error;
  if ("suspend" in then) await task.suspend(then.suspend);
  return undefined;
}

/** Tells of the task, and that the session is its own. */
async function claim(task: AgentTask<AgentState>, state: AgentState): Promise<void> {
  await task.report(reportOf(state), state.session === null ? {} : { session: state.session });
}

/** A question that is open is put first; its answer is part of what follows. */
async function asked({ task, state }: Means): Promise<void> {
  if (!state.asking) return;
  const { prompt, choices } = state.asking;
  await task.report(reportOf(state));
  settle(state, await task.ask(prompt, choices ? { choices } : {}));
  await task.report(reportOf(state));
  await task.save(state);
}
