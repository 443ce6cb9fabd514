/**
 * The beginning of a session. An agent that is killed early may not have saved its session. As long as no tool can have
 * been called in it, we begin it again with all messages sent to it: nothing is lost, and nothing runs twice.
 */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { AgentFacts } from "../../core/agents.ts";
import type { AgentState } from "./state.ts";

/** Lists sessions in which tools may have been called, one a line. It is on disk before the first call. */
const FILE = "called-sessions";

type SessionTraits = Pick<AgentFacts, "session" | "asksFirst">;

/** Records the session in the file before its first call may run. If that fails, the task's next save still has it. */
export function noteCall(state: AgentState, dir: string): void {
  if (state.isCalled) return;
  state.isCalled = true;
  if (state.session === null) return;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const file = openSync(join(dir, FILE), "a", 0o600);
    writeSync(file, `${state.session}\n`);
    fsyncSync(file);
    closeSync(file);
  } catch {
    // A full disk does not stop the agent.
  }
}

/** Removes the list: a task that starts over has nothing to do with its earlier sessions. */
export function forgetCalls(dir: string): void {
  rmSync(join(dir, FILE), { force: true });
}

/**
 * Completes a saved state, in which the last changes before a kill may be missing. `isAlone`: all sessions in `dir` are
 * of this agent.
 */
export function restoreState(state: AgentState, dir: string, traits: SessionTraits, isAlone: boolean): void {
  const called = calledSessions(dir);
  const session = state.session ?? (isAlone ? called.at(-1) : undefined);
  if (session !== undefined && called.includes(session)) {
    // An agent that has called a tool got its messages. If `said` is empty, they were those still in the inbox.
    if (traits.asksFirst && !state.isHeard) {
      if (state.said.length === 0) state.inbox = [];
      Object.assign(state, { isHeard: true, said: [] });
    }
    Object.assign(state, { session, isBegun: true, isCalled: true });
  }
  // An agent that was killed as it started may have used the id, and no agent accepts an id twice.
  const mayBeTaken = state.begunAt !== null || !isAlone;
  if (!state.isBegun && mayBeTaken && traits.session === "chosen") state.session = randomUUID();
  if (!state.isHeard) resendMessages(state);
}

function calledSessions(dir: string): string[] {
  const file = join(dir, FILE);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

/** Whether to restart a session that its agent does not know. If so, resets the state to that of a new session. */
export function tryRestart(state: AgentState, { session }: SessionTraits): boolean {
  if (state.isCalled) return false;
  resendMessages(state);
  const chosen = session === "chosen" ? randomUUID() : null;
  Object.assign(state, { session: chosen, isBegun: false, isHeard: false });
  return true;
}

function resendMessages(state: AgentState): void {
  state.inbox.unshift(...state.said.splice(0));
}
