/** What a person's answer about one call means for later ones. */
import { expect, test } from "vitest";
import { Permits, settle } from "../../../src/agents/host/permits.ts";
import { type AgentSpec, freshState } from "../../../src/agents/host/state.ts";

const spec = {
  agent: "claude",
  prompt: "do it",
  permissions: "own",
  session: null,
  model: null,
} as AgentSpec;
const bash = (id: string, command: string, description: string) => ({
  ...{ id, name: "Bash", input: { command, description }, title: command },
});

function answered(call: ReturnType<typeof bash>, answer: string) {
  const state = freshState(spec, "/", "s");
  const permits = new Permits(state, spec);
  expect(permits.permit(call)).toBe("stop");
  settle(state, answer);
  return permits;
}

test("allow-always counts for the same command under whatever description, and for no other", () => {
  const permits = answered(bash("1", "npm test", "runs tests"), "allow-always");
  expect(permits.permit(bash("1", "npm test", "runs tests"))).toBe("run");
  expect(permits.permit(bash("2", "npm test", "runs all tests"))).toBe("run");
  expect(permits.permit(bash("3", "rm -rf .", "runs tests"))).toBe("stop");
});

test("allow counts for one call", () => {
  const permits = answered(bash("1", "npm test", "runs tests"), "allow");
  expect(permits.permit(bash("1", "npm test", "runs tests"))).toBe("run");
  expect(permits.permit(bash("2", "npm test", "runs tests"))).toBe("stop");
});

test("allow-always of another tool counts for its very input", () => {
  const tool = (id: string, force: boolean) => ({
    ...{ id, name: "mcp__files__delete", input: { path: "a", force }, title: "a" },
  });
  const permits = answered(tool("1", false) as never, "allow-always");
  expect(permits.permit(tool("2", false))).toBe("run");
  expect(permits.permit(tool("3", true))).toBe("stop");
});
