/** What a person's answer about one tool call means for later calls. */
import { expect, test } from "vitest";
import { applyAnswer, Permits } from "../../../src/agents/host/permits.ts";
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
  applyAnswer(state, answer);
  return permits;
}

test("allow-always permits the same command with any description, and no other command", () => {
  const permits = answered(bash("1", "npm test", "runs tests"), "allow-always");
  expect(permits.permit(bash("1", "npm test", "runs tests"))).toBe("run");
  expect(permits.permit(bash("2", "npm test", "runs all tests"))).toBe("run");
  expect(permits.permit(bash("3", "rm -rf .", "runs tests"))).toBe("stop");
});

test("allow permits one call", () => {
  const permits = answered(bash("1", "npm test", "runs tests"), "allow");
  expect(permits.permit(bash("1", "npm test", "runs tests"))).toBe("run");
  expect(permits.permit(bash("2", "npm test", "runs tests"))).toBe("stop");
});

test("allow-always permits another tool only with the same input", () => {
  const tool = (id: string, force: boolean) => ({
    ...{ id, name: "mcp__files__delete", input: { path: "a", force }, title: "a" },
  });
  const permits = answered(tool("1", false) as never, "allow-always");
  expect(permits.permit(tool("2", false))).toBe("run");
  expect(permits.permit(tool("3", true))).toBe("stop");
});
