/** A user's own agent, driven by the lines that the setting `agents` describes. */
import { expect } from "vitest";
import { it, needsOwnStore, until } from "../harness/index.ts";
import { agentOptions, progress, step } from "./agent-story.ts";
import { noted, open } from "./story.ts";

const mine = {
  start: ["own", "--json"],
  resume: ["own", "--json", "--continue", "{session}"],
  session: "about.conversation",
  stop: "SIGINT",
  events: [
    { when: { event: "text" }, is: "text", text: "parts.0.text" },
    { when: { event: "call" }, is: "tool", text: "line" },
    { when: { event: "called" }, is: "tool-end", text: "output" },
    { when: { event: "limit" }, is: "limit", text: "reset" },
    { when: { event: "end", "outcome.ok": true }, is: "done", text: "outcome.answer" },
    { when: { event: "end", "outcome.gone": true }, is: "gone", text: "outcome.why" },
    { when: { event: "end" }, is: "failed", text: "outcome.why" },
  ],
};

it("interrupts a user's agent at a pause, reports what was cut off, waits for a limit and sends messages", async ({
  home,
}) => {
  expect((await home.cli("config", "set", "agents", JSON.stringify({ mine }))).code).toBe(0);
  const steps = [{ say: "Hello" }, step(1), step(2, { gated: true }), { limit: { resetsIn: 8000 } }, step(3)];
  const id = await home.run(...agentOptions(home, "mine", steps), "do it");
  await noted(home, 1, "begun.log");
  await until(async () => (await home.task(id)).agent.tool !== null);
  const { code, stdout: said, stderr } = await home.cli("pause", `${id}`);
  expect([code, said + stderr]).toEqual([0, expect.stringContaining("cut off")]);
  const paused = await home.task(id);
  expect(paused).toMatchObject({ state: "suspended", pause: { outcome: "cooperative" } });
  expect(paused.agent).toMatchObject({ name: "mine", boundary: false, cut: { tool: "tool" } });
  expect((await home.cli("show", `${id}`)).stdout).toContain("so a pause interrupts it");
  await home.cli("resume", `${id}`);
  await noted(home, 2, "begun.log");
  await home.cli("send", `${id}`, "be brief");
  open(home, "go-2");
  const limited = await home.reaches(id, "suspended");
  expect(limited.pause).toMatchObject({ cause: "limit", until: limited.agent.limit.resetsAt });
  const done = await home.reaches(id, "completed");
  expect(done.agent.session).toBe(paused.agent.session);
  expect(done.usage).toMatchObject({ toolCalls: 4, costUsd: null });
  expect(progress(home)).toEqual(["step-1", "step-2", "step-3"]);
  const { stdout } = await home.cli("logs", `${id}`);
  expect(stdout).toContain("> do it\nHello\n$ tool: echo step-1");
  for (const said of [/^> The command .* was cut off/m, /^> be brief$/m]) expect(stdout).toMatch(said);

  const failing = agentOptions(home, "mine", [{ fail: "too many turns" }]);
  const failed = await home.run(...failing, "do it");
  expect((await home.reaches(failed, "failed")).error).toMatchObject({
    name: "AgentFailed",
    message: "too many turns",
  });
  const lost = await home.run(...failing, "--session", "nowhere", "do it");
  expect((await home.reaches(lost, "suspended")).error).toMatchObject({ name: "SessionNotFound" });
});

it("checks a user's agent, runs it in a module and refuses unsupported options", async ({ home }) => {
  needsOwnStore(home, "the agent is on the caller's PATH");
  await home.cli("config", "set", "agents", JSON.stringify({ mine }));
  const options = agentOptions(home, "mine", [step(1)]);
  const words = options.filter((word) => word.includes("="));
  const env = Object.fromEntries(words.map((word) => word.split(/=(.*)/s).slice(0, 2)));
  const checked = await home.cli("agent", "check", "mine", { env });
  expect(checked).toMatchObject({ code: 0 });
  expect(checked.stdout).toContain("answer     done after 1 prompts");
  const listed = JSON.parse((await home.cli("agent", "list", "--json", { env })).stdout);
  expect(listed.at(-1)).toMatchObject({ name: "mine", installed: true, version: "1.0.0", known: null });
  expect((await home.cli("agent", "check", "theirs")).stderr).toContain("mine");
  const refused = async (...more: string[]) => await home.cli("run", ...options, ...more, "do it");
  for (const more of [
    ["--max-tokens", "5"],
    ["--max-turns", "5"],
    ["--permissions", "plan"],
    ["--model", "large"],
  ])
    expect(await refused(...more)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(more[0] as string),
    });
  const module = home.module(`
import { defineTask } from "agentctl";
import { runAgent } from "agentctl/agents";
export default defineTask(async (task) => await runAgent(task, { agent: "mine", prompt: "do it" }));
`);
  const id = await home.run(...options.slice(2), module);
  expect((await home.reaches(id, "completed")).result).toBe("done after 1 prompts");
});
