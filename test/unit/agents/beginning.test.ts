/** How a later process of the host continues a session, or begins it again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noteCall, restoreState, tryRestart } from "../../../src/agents/host/beginning.ts";
import { type AgentState, freshState } from "../../../src/agents/host/state.ts";

const asking = { session: "chosen", asksFirst: true } as const;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ac-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Returns the state as it is saved before the first prompt, with the session `s`. */
function state(change: Partial<AgentState> = {}): AgentState {
  const spec = { agent: "claude", prompt: "do it", model: null, permissions: "own", session: null } as const;
  return { ...freshState(spec as never, "/", "s"), begunAt: 1, ...change };
}

test("prompts that the agent did not hear are sent again, before newer ones", () => {
  const saved = state({ isBegun: true, said: ["do it"], inbox: ["be quick"] });
  restoreState(saved, dir, asking, true);
  expect(saved).toMatchObject({ session: "s", inbox: ["do it", "be quick"], said: [] });
  expect(tryRestart(saved, asking)).toBe(true);
  expect(saved).toMatchObject({ isBegun: false, inbox: ["do it", "be quick"] });
  expect(saved.session).not.toBe("s");
});

test("a tool call noted after the last save keeps the session and the unsent prompts", () => {
  noteCall(state(), dir);
  const before = state();
  restoreState(before, dir, asking, true);
  expect(before).toMatchObject({ session: "s", isBegun: true, isHeard: true, inbox: [] });
  expect(tryRestart(before, asking)).toBe(false);
  const after = state({ isBegun: true, said: ["do it"], inbox: ["be quick"] });
  restoreState(after, dir, asking, true);
  expect(after).toMatchObject({ isHeard: true, inbox: ["be quick"], said: [] });
  const untold = state({ session: null });
  restoreState(untold, dir, { ...asking, session: "told" }, true);
  expect(untold).toMatchObject({ session: "s", isBegun: true });
});

test("the session gets a new id if the agent may have used the old one, but not if it never started", () => {
  const started = state();
  restoreState(started, dir, asking, true);
  expect(started).toMatchObject({ isBegun: false, inbox: ["do it"] });
  expect(started.session).not.toBe("s");
  const never = state({ begunAt: null });
  restoreState(never, dir, asking, true);
  expect(never.session).toBe("s");
});
