/** Decides what follows the end of an agent's process. Its only side effects are on the task's state and log. */
import { systemClock } from "../../core/time.ts";
import type { SuspendOptions } from "../../sdk/api.ts";
import { complaintOf } from "../adapter/child.ts";
import { AgentFailed } from "../adapter/failed.ts";
import { tryRestart } from "./beginning.ts";
import type { DriveOptions, DriveResult } from "./drive.ts";
import { runningCall } from "./running-call.ts";
import type { AgentState } from "./state.ts";

/** The agent's process ended in the middle of its work. */
class AgentInterrupted extends Error {
  override readonly name = "AgentInterrupted";
}

/** What follows: the task's result, an error, a suspension, or another process. */
export type Next = { result: string } | { error: Error } | { suspend: SuspendOptions } | { again: true };

/** How many limits, without progress between them, a task waits out automatically. */
const MAX_LIMITS = 10;
/** The waits after a limit that does not say when it ends. They double from the first to the longest. */
const MIN_GUESS_MS = 300_000;
const MAX_GUESS_MS = 3_600_000;

export function decideNext({ task, spec, state, run }: DriveOptions, result: DriveResult): Next {
  const { stop, end, reason } = result;
  if (end?.how === "gone" && !result.isNew && tryRestart(state, run.facts)) {
    task.log(`· ${spec.agent} has not kept its session, in which no tool was called: it is begun again`);
    return { again: true };
  }
  if (end?.how === "gone") return { suspend: sessionGone(task.id, spec.agent, state, end.message ?? "") };
  if (stop === "refused") return { error: new AgentFailed(reason ?? "the agent was refused") };
  if (end?.how === "done" && stop !== "ask") return afterDone(state, spec.interactive, end.text ?? "");
  if (stop === "ask") return afterQuestion(state);
  if (stop === "cut") return afterCut(state);
  if (stop === "stall") return afterStall(state);
  if (state.limit && (stop === "limit" || end?.how === "failed")) return afterLimit(state, spec.onLimit);
  if (end?.how === "failed") return { error: new AgentFailed(end.message || "the agent failed") };
  if (end && stop === "budget")
    return { suspend: { cause: "budget", reason: reason ?? "its budget is used up" } };
  if (end) return { again: true };
  return { error: lostError(spec.agent, state, result) };
}

function afterDone(state: AgentState, isInteractive: boolean, text: string): Next {
  state.limits = 0;
  state.stalls = 0;
  // Messages that came meanwhile are the next turn.
  if (state.inbox.length > 0) return { again: true };
  if (!isInteractive) return { result: text };
  state.asking = {
    kind: "message",
    prompt: text.trim().slice(0, 10_000) || "What is next?",
    choices: null,
    call: null,
  };
  return { again: true };
}

/** Clears the running calls after a cut, which has already been recorded. */
function afterCut(state: AgentState): Next {
  state.open = [];
  return { error: new AgentInterrupted("the agent was interrupted") };
}

/** Clears the running calls: the call that waits for an answer has not begun. */
function afterQuestion(state: AgentState): Next {
  state.open = [];
  return { again: true };
}

function sessionGone(id: number, agent: string, state: AgentState, detail: string): SuspendOptions {
  const reason = `${agent} has no session ${state.session}${detail === "" ? "" : `: ${detail}`}`;
  const message = `${reason}; agentctl resume ${id} --from-start begins a new one`;
  return { cause: "mismatch", reason, error: { name: "SessionNotFound", message } };
}

function afterStall(state: AgentState): Next {
  state.stalls++;
  const reason = "the agent printed nothing during its idle time-out";
  if (state.stalls > 1) return { suspend: { cause: "stalled", reason } };
  return {
    suspend: { cause: "stalled", reason: `${reason}; it is continued once`, until: systemClock.now() },
  };
}

function afterLimit(state: AgentState, onLimit: "wait" | "suspend" | "fail"): Next {
  const now = systemClock.now();
  const { kind, resetsAt } = state.limit as NonNullable<AgentState["limit"]>;
  state.limits++;
  const guess = now + Math.min(MIN_GUESS_MS * 2 ** (state.limits - 1), MAX_GUESS_MS);
  const resetMs = resetsAt === null ? guess : Math.max(Date.parse(resetsAt), now + MIN_RESET_MS);
  const announced = resetsAt ?? new Date(guess).toISOString();
  state.limit = { kind, resetsAt: announced, guessed: resetsAt === null };
  const reason = `usage limit of the provider (${kind})`;
  if (onLimit === "fail") return { error: new AgentFailed(`${reason}, until ${announced}`) };
  const isTooMany = state.limits > MAX_LIMITS;
  if (onLimit === "suspend" || isTooMany) return { suspend: { cause: "limit", reason } };
  return {
    suspend: {
      cause: "limit",
      reason: resetsAt === null ? `${reason}; the time is a guess` : reason,
      until: resetMs,
    },
  };
}

/** How long to wait for a reset that is announced for now or for the past, in ms. */
const MIN_RESET_MS = 1000;

function lostError(agent: string, state: AgentState, { exit }: DriveResult): AgentInterrupted {
  markCut(state, systemClock.now());
  const exitText = exit.signal ? `was ended by ${exit.signal}` : `ended with exit code ${exit.code}`;
  const detail = exit.stderr === "" ? "" : `: ${complaintOf(exit.stderr)}`;
  return new AgentInterrupted(`${agent} ${exitText} before its last word${detail}`);
}

/** Marks the call that ran when its host was killed as cut off, even if only a note in `dir` names it. */
export function noteInterruptedCall(state: AgentState, dir: string): void {
  markCut(state, null);
  const call = runningCall(dir, state.session);
  if (call) state.cut ??= { call, afterMs: 0 };
}

/** Marks the running call as cut off, because nobody knows how it ended. `now` is null if its end time is unknown. */
function markCut(state: AgentState, now: number | null): void {
  const [running] = state.open;
  if (running) state.cut ??= { call: running.call, afterMs: now === null ? 0 : now - running.at };
  state.open = [];
}
