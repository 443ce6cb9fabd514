/** Coding agents as tasks. One program speaks the protocol of each agent and behaves as it does. */
import { rmSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { it, needsOwnStore, processes, until } from "../harness/index.ts";
import { agentOptions, agents, agentTask, progress, step } from "./agent-story.ts";
import { unrecorded } from "./recorded-lines.ts";
import { noted, notes, open } from "./story.ts";

const three = [{ say: "Hello" }, step(1), step(2, { gated: true }), step(3)];
const all = ["step-1", "step-2", "step-3"];

/**
 * The agents that report when a limit resets, and that ask by themselves. Each other agent behaves like one of these.
 */
const telling = agents.slice(0, 2);

describe.each(agents)("%s", (agent) => {
  it("pauses between two tool calls and runs each call once", async ({ home }) => {
    const id = await home.run(...agentOptions(home, agent, three), "do it");
    await noted(home, 1, "begun.log");
    const pausing = home.cli("pause", `${id}`);
    await until(async () => (await home.json("show", `${id}`)).activity.doing === "pause");
    open(home, "go-2");
    expect((await pausing).code).toBe(0);
    const paused = await home.task(id);
    expect(paused).toMatchObject({ state: "suspended", pid: null, kind: "agent", module: null });
    expect(paused.pause).toMatchObject({ mode: "checkpoint", outcome: "cooperative", cause: "user" });
    expect(paused.agent).toMatchObject({ name: agent, tool: null, cut: null, boundary: true });
    expect(processes(home.root).filter(({ command }) => command.includes(agent))).toEqual([]);
    expect(progress(home)).toEqual(all.slice(0, 2));
    await home.killDaemon();
    await home.cli("resume", `${id}`);
    const done = await home.reaches(id, "completed");
    expect(done.agent.session).toBe(paused.agent.session);
    const hasCost = agent === "claude" || agent === "opencode";
    expect(done.usage).toMatchObject({ costUsd: hasCost ? expect.any(Number) : null });
    expect(progress(home)).toEqual(all);
    const logs = await home.cli("logs", `${id}`);
    expect(logs.stdout).toContain("> do it\nHello\n$ ");
    const raw = (await home.cli("logs", "--raw", `${id}`)).stdout.trim().split("\n");
    expect(raw.length).toBeGreaterThan(5);
    expect(unrecorded(agent, raw)).toEqual([]);
  });
});

describe.each(agents)("%s", (agent) => {
  it("starts again if it was killed before it had stored its prompt", async ({ home }) => {
    const options = agentOptions(home, agent, [step(1)], { FAKE_DEAF: home.file("deaf") });
    const id = await home.run(...options, "do it");
    expect(await home.reaches(id, "completed")).toMatchObject({ attempt: 2, result: "done after 1 prompts" });
    expect(progress(home)).toEqual(["step-1"]);
    const { stdout } = await home.cli("logs", `${id}`);
    expect([...new Set(stdout.match(/^> .*$/gm))]).toEqual(["> do it"]);
  });
});

it("does not begin a lost session again after a tool call", async ({ home }) => {
  const id = await home.run(...agentOptions(home, "claude", [step(1), { forget: true }]), "do it");
  const lost = await until(async () => {
    const task = await home.task(id);
    return task.pause?.cause === "mismatch" && task;
  });
  expect(lost.error).toMatchObject({ name: "SessionNotFound" });
  expect(progress(home)).toEqual(["step-1"]);
});

describe.each(["claude", "opencode"] as const)("%s", (agent) => {
  it("is interrupted after the grace time and learns which call was cut off", async ({ home }) => {
    const id = await home.run(...agentOptions(home, agent, three), "do it");
    await noted(home, 1, "begun.log");
    await until(async () => (await home.task(id)).agent.tool !== null);
    // A host that is ended before it has found the next daemon reports nothing more.
    if (agent === "opencode") await home.killDaemon();
    const { code, stderr, stdout } = await home.cli("pause", `${id}`, "--grace", "0s");
    expect(code).toBe(0);
    expect(stdout + stderr).toContain("this was cut off");
    const paused = await home.task(id);
    expect(paused.pause.outcome).toBe("forced");
    expect(paused.agent).toMatchObject({ tool: null, cut: { afterMs: expect.any(Number) } });
    open(home, "go-2");
    expect(progress(home)).toEqual(["step-1"]);
    await home.cli("resume", `${id}`, "--message", "and be quick");
    expect(await home.reaches(id, "completed")).toMatchObject({ agent: { cut: null } });
    expect(progress(home)).toEqual(all);
    const { stdout: log } = await home.cli("logs", `${id}`);
    expect(log).toMatch(
      /was cut off( after \d+ s)? and may have run in part\. Look before you run it again\./,
    );
    expect(log).toContain("and be quick");
  });
});

describe.each(telling)("%s", (agent) => {
  it("waits until a usage limit resets, and continues once", async ({ home }) => {
    const steps = [step(1), { limit: { resetsIn: 2500 } }, step(2)];
    const id = await home.run(...agentOptions(home, agent, steps), "do it");
    const limited = await home.reaches(id, "suspended");
    expect(limited.pause).toMatchObject({
      cause: "limit",
      until: limited.agent.limit.resetsAt,
      actor: "task",
    });
    expect(limited.agent.limit).toMatchObject({ guessed: false });
    const done = await home.reaches(id, "completed");
    expect(done).toMatchObject({ attempt: 2, result: "done after 2 prompts" });
    expect(progress(home)).toEqual(["step-1", "step-2"]);
  });

  it("asks a person what its rules require, and runs only the allowed calls", async ({ home }) => {
    const steps = [step(1, { ask: true }), step(2, { ask: true }), step(3)];
    const id = await home.run(...agentOptions(home, agent, steps), "do it");
    const asking = await home.reaches(id, "input-required");
    expect(asking.question).toMatchObject({ kind: "permission", choices: ["allow", "allow-always", "deny"] });
    expect(asking.question.tool.input.command).toContain("step-1");
    expect(progress(home)).toEqual([]);
    expect(await home.cli("answer", `${id}`, "allow")).toMatchObject({ code: 0, stderr: "" });
    await until(async () => (await home.task(id)).question?.tool?.input.command.includes("step-2"));
    await home.reaches(id, "input-required");
    expect(await home.cli("answer", `${id}`, "deny")).toMatchObject({ code: 0, stderr: "" });
    await home.reaches(id, "completed");
    expect(progress(home)).toEqual(["step-1", "step-3"]);
  });
});

it("waits while another task of the account is at a limit, unless --on-limit is fail", async ({ home }) => {
  const options = (steps: Record<string, unknown>[], key: string) =>
    agentOptions(home, "claude", steps, { ANTHROPIC_API_KEY: key });
  const early = await home.run(...options([step(2)], "secret-1"), "--hold", "do it");
  const first = await home.run(...options([{ limit: { resetsIn: 15_000 } }, step(1)], "secret-1"), "do it");
  const until = (await home.reaches(first, "suspended")).pause.until;
  await home.cli("release", `${early}`);
  const late = await home.run(...options([step(3)], "secret-1"), "do it");
  for (const id of [early, late])
    expect((await home.task(id)).waiting).toEqual({ for: "limit", on: "claude", until });
  expect((await home.cli("show", `${late}`)).stdout).toContain("at a usage limit of claude until");
  // A task of another account and a task with `--on-limit fail` do not wait.
  const other = await home.run(...options([step(4)], "secret-2"), "do it");
  const told = await home.run(...options([step(5)], "secret-1"), "--on-limit", "fail", "do it");
  await home.reaches(other, "completed");
  await home.reaches(told, "completed");
  for (const id of [first, early, late]) await home.reaches(id, "completed");
  expect(progress(home).sort()).toEqual(["step-1", "step-2", "step-3", "step-4", "step-5"]);
  expect((await home.task(late)).attempt).toBe(1);
});

it("treats a new key from edit or resume as another account", async ({ home }) => {
  const options = (steps: Record<string, unknown>[], key: string) =>
    agentOptions(home, "codex", steps, { OPENAI_API_KEY: key });
  const key = (n: number) => ["--env", `OPENAI_API_KEY=secret-${n}`];
  const first = await home.run(...options([{ limit: { resetsIn: 600_000 } }], "secret-1"), "do it");
  await home.reaches(first, "suspended");
  const second = await home.run(...options([step(2)], "secret-1"), "do it");
  expect((await home.task(second)).waiting).toMatchObject({ for: "limit" });
  expect((await home.cli("edit", `${second}`, ...key(2))).code).toBe(0);
  await home.reaches(second, "completed");
  const third = await home.run(...options([step(3)], "secret-3"), "--hold", "do it");
  await home.cli("edit", `${third}`, ...key(1));
  await home.cli("release", `${third}`);
  expect((await home.task(third)).waiting).toMatchObject({ for: "limit", on: "codex" });
  await home.cli("resume", `${first}`, ...key(4));
  // A task that waited at the old account no longer waits.
  await home.reaches(third, "completed");
  await until(async () => {
    const { attempt, state } = await home.task(first);
    return attempt === 2 && state === "suspended";
  });
  const free = await home.run(...options([step(4)], "secret-1"), "do it");
  const bound = await home.run(...options([step(5)], "secret-4"), "do it");
  await home.reaches(free, "completed");
  expect((await home.task(bound)).waiting).toMatchObject({ for: "limit" });
  // No other task has met the limit of this account, so the waiting task tries it itself.
  await home.cli("cancel", `${first}`);
  await home.reaches(bound, "completed");
});

it("allows one writer per session and suspends a task whose session is gone", async ({ home }) => {
  const run = (...more: string[]) => ["run", ...agentOptions(home, "claude", three), ...more, "do it"];
  const id = await home.run(...run().slice(1));
  await noted(home, 1, "begun.log");
  const session = (await home.task(id)).agent.session;
  const second = await home.cli("--json", ...run("--session", session));
  expect(second.code).toBe(4);
  expect(JSON.parse(second.stdout).error).toMatchObject({ name: "SessionInUse", code: -32035, data: { id } });
  open(home, "go-2");
  await home.reaches(id, "completed");
  const third = await home.run(...run("--session", session).slice(1));
  expect((await home.reaches(third, "completed")).agent.session).toBe(session);
  rmSync(home.file("agent-home/.fake"), { recursive: true });
  const other = agentOptions(home, "codex", three);
  const lostToo = await home.run(...other, "--session", "nowhere", "do it");
  expect((await home.reaches(lostToo, "suspended")).error).toMatchObject({ name: "SessionNotFound" });
  const gone = await home.run(...run("--session", session).slice(1));
  const lost = await home.reaches(gone, "suspended");
  expect(lost).toMatchObject({
    pause: { cause: "mismatch" },
    error: { name: "SessionNotFound", code: -32036 },
  });
  expect(lost.error.message).toContain("--from-start");
  const said = `${(await home.cli("list")).stdout}${(await home.cli("show", `${gone}`)).stdout}`;
  expect(said).toContain("its session is gone");
  expect(said).toContain(`agentctl resume ${gone} --from-start`);
  expect(said).not.toContain("module");
  await home.cli("resume", `${gone}`, "--from-start");
  expect((await home.reaches(gone, "completed")).agent.session).not.toBe(session);
});

it("fails with the agent's message, and suspends an agent that crashes without one", async ({ home }) => {
  const failing = await home.run(
    ...agentOptions(home, "claude", [step(1), { fail: "too many turns" }]),
    "do it",
  );
  expect((await home.reaches(failing, "failed")).error).toMatchObject({
    name: "AgentFailed",
    code: -32037,
    message: "too many turns",
  });
  expect((await home.cli("logs", `${failing}`)).stdout).not.toContain("agent-task.mjs");
  const crashing = await home.run(...agentOptions(home, "codex", [{ crash: true }]), "do it");
  const lost = await until(async () => {
    const task = await home.task(crashing);
    return task.state === "suspended" && task.attempt === 3 && task;
  });
  expect(lost).toMatchObject({ pause: { cause: "lost", until: null } });
});

it("refuses an agent task that could never run, and says why", async ({ home }) => {
  const refused = async (...args: string[]) => (await home.cli("run", ...args)).stderr;
  const options = (name: string) => agentOptions(home, name, []);
  expect(await refused("--agent", "clod", "do it")).toContain("there is no agent");
  const badly = await home.cli("config", "set", "agents", '{"mine": {"acp": []}}');
  expect(badly.stderr).toContain("mine: `acp` must be a list");
  expect((await home.cli("config", "set", "agents", '{"mine": {"acp": ["acp"]}}')).code).toBe(0);
  const own = await home.run(...options("mine"), "do it");
  expect((await home.reaches(own, "completed")).agent).toMatchObject({ name: "mine", version: "1.0.0" });
  expect(await refused(...options("codex"), "--max-cost", "2", "do it")).toContain("--max-tokens");
  expect(await refused(...options("claude"), "--agent-arg=--resume", "do it")).toContain("--resume");
  expect(await refused(...options("claude"), "do", "it")).toContain("quotes");
  expect(await refused("--max-turns", "3", "true")).toContain("--agent");
  expect(await refused(...options("claude"), "--stdin", "pipe", "do it")).toContain("it takes a prompt");
  const held = await home.run(...options("claude"), "--hold", "do it");
  const edited = await home.cli("edit", `${held}`, "--", "true");
  expect([edited.code, edited.stderr]).toEqual([2, expect.stringContaining("runs an agent, not a program")]);
  const missing = await home.cli("run", "--agent", "claude", "--env", "PATH=/nowhere", "do it");
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain("npm install -g @anthropic-ai/claude-code");
});

it("submits one agent task per prompt with --each, in the given queue", async ({ home }) => {
  needsOwnStore(home, "the agent is on the caller's PATH");
  const options = agentOptions(home, "codex", [step(1)]);
  await home.cli("queue", "set", "codex", "--slots", "1");
  const each = ["run", ...options, "-q", "codex", "--each"];
  const made = await home.cli(...each, { input: "first prompt\n\n  second\n" });
  const ids = made.stdout.trim().split("\n").map(Number);
  expect(ids).toHaveLength(2);
  expect((await home.task(ids[1] as number)).prompt).toBe("  second");
  writeFileSync(home.file("prompts"), "a\nb\n");
  const more = JSON.parse((await home.cli("--json", ...each, "@prompts")).stdout);
  expect(more).toHaveLength(2);
  const line = JSON.stringify({ agent: "codex", prompt: "from a batch", queue: "codex" });
  const env = Object.fromEntries(
    options
      .filter((word) => word.includes("="))
      .map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  const batch = Number((await home.cli("batch", { input: `${line}\n`, env })).stdout);
  expect(await home.reaches(batch, "completed")).toMatchObject({ kind: "agent", prompt: "from a batch" });
  expect(progress(home)).toHaveLength(5);
  for (const refused of [["run", "--each", "true"], [...each, "--wait", "x"], each]) {
    expect((await home.cli(...refused, { input: "" })).code).toBe(2);
  }
});

it("suspends an agent at its budget and continues it with a larger one", async ({ home }) => {
  const options = agentOptions(home, "claude", [step(1), step(2), step(3)]);
  const id = await home.run(...options, "--max-turns", "2", "do it");
  expect((await home.reaches(id, "suspended")).pause).toMatchObject({ cause: "budget", until: null });
  expect(progress(home)).toEqual(["step-1"]);
  expect((await home.cli("show", `${id}`)).stdout).toContain(`agentctl resume ${id} --add-turns <n>`);
  const refused = await home.cli("resume", `${id}`, "--add-tokens", "5");
  expect(refused.stderr).toContain("--add-tokens");
  await home.cli("resume", `${id}`, "--add-turns", "5");
  await home.reaches(id, "completed");
  expect(progress(home)).toEqual(all);
  // This agent reports the cost of its session only when its process ends, so the host ends the process.
  const newer = agentOptions(home, "claude", [step(1), step(2), step(3)], { FAKE_VERSION: "2.1.332" });
  const dear = await home.run(...newer, "--max-cost", "0.015", "--cwd", home.file("agent-home"), "do it");
  expect(await home.reaches(dear, "suspended")).toMatchObject({
    pause: { cause: "budget", reason: "it has cost $0.02 of $0.015" },
    usage: { costUsd: 0.02 },
  });
  expect((await home.cli("show", `${dear}`)).stdout).toContain(`agentctl resume ${dear} --add-cost <usd>`);
  expect(notes(home, "agent-home/progress.log")).toEqual(["step-1"]);
  await home.cli("resume", `${dear}`, "--add-cost", "1");
  await home.reaches(dear, "completed");
  expect(notes(home, "agent-home/progress.log")).toEqual(all);
});

it("continues a silent agent once, then leaves it suspended as stalled", async ({ home }) => {
  const options = agentOptions(home, "codex", [{ hang: true }]);
  const id = await home.run(...options, "--idle-timeout", "1s", "do it");
  const stalled = await until(async () => {
    const task = await home.task(id);
    return task.state === "suspended" && task.attempt === 2 && task;
  });
  expect(stalled.pause).toMatchObject({ cause: "stalled", until: null });
});

it("delivers sent messages in the current turn or the next one, and asks for more with --interactive", async ({
  home,
}) => {
  const options = agentOptions(home, "codex", [step(1, { gated: true })]);
  const id = await home.run(...options, "--interactive", "do it");
  await noted(home, 1, "begun.log");
  await home.cli("send", `${id}`, "be brief");
  await until(async () => (await home.cli("logs", `${id}`)).stdout.includes("> be brief"));
  open(home, "go-1");
  const asking = await home.reaches(id, "input-required");
  expect(asking.question).toMatchObject({ kind: "message", choices: null, tool: null });
  expect((await home.cli("send", `${id}`, "and now?")).code).toBe(0);
  await until(async () => (await home.cli("logs", `${id}`)).stdout.includes("> and now?"));
  expect((await home.reaches(id, "input-required")).question.prompt).toBe("done after 3 prompts");
  expect(progress(home)).toEqual(["step-1"]);
});

it("runs an agent as a step of a module, pauses it midway and asks its questions through the task", async ({
  home,
}) => {
  const module = home.module(`
import { defineTask } from "agentctl";
import { runAgent } from "agentctl/agents";
export default defineTask(async (task) => await runAgent(task, { agent: "claude", prompt: "do it" }));
`);
  const steps = [step(1), step(2, { gated: true }), step(3, { ask: true })];
  const [, , ...env] = agentOptions(home, "claude", steps);
  const id = await home.run(...env, module);
  await noted(home, 1, "begun.log");
  const pausing = home.cli("pause", `${id}`);
  await until(async () => (await home.json("show", `${id}`)).activity.doing === "pause");
  open(home, "go-2");
  expect((await pausing).code).toBe(0);
  expect(await home.task(id)).toMatchObject({ state: "suspended", pause: { outcome: "cooperative" } });
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "input-required")).question.choices).toContain("allow-always");
  await home.cli("answer", `${id}`, "allow");
  expect((await home.reaches(id, "completed")).result).toMatch(/^done after/);
  expect(progress(home)).toEqual(all);
});

it("lists and checks agents and sums up their usage", async ({ home }) => {
  needsOwnStore(home, "the agent is on the caller's PATH");
  const bin = agentOptions(home, "codex", [{ say: "ready" }]);
  const env = Object.fromEntries(
    bin
      .filter((word) => word.includes("="))
      .map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  const listed = JSON.parse((await home.cli("agent", "list", "--json", { env })).stdout);
  expect(listed.map(({ name }: { name: string }) => name)).toEqual(["claude", "codex", "opencode", "gemini"]);
  expect(listed[1]).toMatchObject({ installed: true, version: "1.0.0", known: false });
  const checked = await home.cli("agent", "check", "codex", { env });
  expect(checked).toMatchObject({ code: 0 });
  expect(checked.stdout).toContain("answer     done after 1 prompts");
  const used = await home.json("usage", "--by", "agent");
  expect(used).toEqual([expect.objectContaining({ agent: "codex", tasks: 1, costUsd: null })]);
  // A turn that asks a question fails the check and leaves no waiting task.
  const asking = agentTask(home, "claude", [step(1, { ask: true })]).env;
  const refused = await home.cli("agent", "check", "claude", { env: asking });
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining("asks: May claude use Bash?")]);
  expect((await home.json("list")).map(({ state }: { state: string }) => state)).toEqual([
    "completed",
    "canceled",
  ]);
});
