/**
 * The beginning of a session, which an agent may not have written down when it is killed. As long as no tool can have been
 * called in it, nothing is lost and nothing runs twice when it is begun again, with all that was said to it.
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

/** Sessions in which tools may have been called, a line each. It is on disk before the first call, whoever dies after it. */
const FILE = "called-sessions";

type About = Pick<AgentFacts, "session" | "asksFirst">;

/** Before the first call in the session may run. Where it cannot be written, what is saved of the task says so soon after. */
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
    // A full disk keeps no agent from its work.
  }
}

/** A task that begins from its beginning has nothing to do with the sessions before. */
export function forgetCalls(dir: string): void {
  rmSync(join(dir, FILE), { force: true });
}

/**
 * Takes up a state that was saved, in which the last moments before a kill may be missing. `isAlone`: all sessions in `dir`
 * are of this task.
 */
export function takeUp(state: AgentState, dir: string, about: About, isAlone: boolean): void {
  const called = calledSessions(dir);
  const session = state.session ?? (isAlone ? called.at(-1) : undefined);
  if (session !== undefined && called.includes(session)) {
    // Who has called a tool has heard what was said; where nothing had been said, that is what was still to be.
    if (about.asksFirst && !state.isHeard) {
      if (state.said.length === 0) state.inbox = [];
      Object.assign(state, { isHeard: true, said: [] });
    }
    Object.assign(state, { session, isBegun: true, isCalled: true });
  }
  // An agent that was killed as it began may have taken the id; none takes one twice.
  const mayBeTaken = state.begunAt !== null || !isAlone;
  if (!state.isBegun && mayBeTaken && about.session === "chosen") state.session = randomUUID();
  if (!state.isHeard) sayAgain(state);
}

function calledSessions(dir: string): string[] {
  const file = join(dir, FILE);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

/** Whether a session that its agent does not know is begun again; the state is then that of a beginning. */
export function beginsAgain(state: AgentState, { session }: About): boolean {
  if (state.isCalled) return false;
  sayAgain(state);
  const chosen = session === "chosen" ? randomUUID() : null;
  Object.assign(state, { session: chosen, isBegun: false, isHeard: false });
  return true;
}

function sayAgain(state: AgentState): void {
  state.inbox.unshift(...state.said.splice(0));
}
