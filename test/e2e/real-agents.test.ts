/** The scenarios that agentctl must pass, with the real agents that are installed: `AGENTCTL_REAL_AGENTS=1`. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, type TestContext } from "vitest";
import { type Home, it, processes, until } from "../harness/index.ts";
import { filesWith, KEY, needsReal, type RealAgent, realAgent } from "./real-story.ts";
import { notes } from "./story.ts";

const TIMES = Number(process.env.AGENTCTL_REAL_TIMES ?? 1);
const chosen = (process.env.AGENTCTL_REAL_ONLY ?? "claude,codex,opencode,gemini").split(",");
/** Some agents take a minute to start if only loopback is reachable. */
const slow = { deadlineMs: 240_000 };
const timeout = 600_000;

/** Runs the story with a model and closes the model. */
async function withModel(
  { home, skip, agent }: { home: Home; skip: TestContext["skip"]; agent: string },
  story: (given: RealAgent) => Promise<void>,
): Promise<void> {
  needsReal(skip, agent);
  const model = await realAgent(home, agent);
  try {
    await story(model);
    // Only the files with the environment of open tasks may hold the key.
    const environments = join(home.dir, "env");
    expect(filesWith(home.root, KEY).filter((file) => !file.startsWith(environments))).toEqual([]);
  } catch (error) {
    const { stdout } = await home.cli("logs", "1");
    process.stderr.write(`${agent}: the model was asked\n${model.requests.join("\n")}\n${stdout}\n`);
    throw error;
  } finally {
    model.close();
  }
}

const steps = (n: number) => Array.from({ length: n }, (_, at) => `step-${at + 1}`);
const progress = (home: Home) => notes(home, "progress.log");
const asking = (env: Record<string, string>) => ({ env });

function begin(home: Home, agent: string, prompt: string, { env }: RealAgent, ...more: string[]) {
  return home.run("--agent", agent, "--permissions", "all", ...more, prompt, { env });
}

/** Waits until a tool runs that has left no trace yet, after another one has run. */
async function inCall(home: Home, id: number): Promise<void> {
  await until(() => progress(home).length > 0, slow);
  await until(async () => {
    const tool = JSON.stringify((await home.task(id)).agent.tool);
    return /step-\d/.test(tool) && !progress(home).some((done) => tool.includes(done));
  }, slow);
}

/** Checks that no process of the agent is alive, and that its tools leave no trace for 6 s. */
async function isStill(home: Home): Promise<void> {
  const own = processes(home.root).filter(({ command }) => !/daemon\.cjs|\/dist\/|guard/.test(command));
  expect(own).toEqual([]);
  const before = progress(home);
  await sleep(6000);
  expect(progress(home)).toEqual(before);
}

async function finishes(home: Home, id: number, n: number) {
  const done = await home.reaches(id, "completed", slow.deadlineMs);
  expect(progress(home)).toEqual(steps(n));
  expect(done.result).toBe(`PLAN-COMPLETE steps=${n}`);
  return done;
}

describe.each(chosen)("%s", (agent) => {
  for (let time = 1; time <= TIMES; time++) {
    it(`pauses in a tool call and continues, round ${time}`, { timeout }, async ({ home, skip }) => {
      await withModel({ home, skip, agent }, async (model) => {
        const id = await begin(home, agent, "PLAN steps=4 sleep=2", model);
        await inCall(home, id);
        expect(await home.cli("pause", `${id}`, "--grace", "60s")).toMatchObject({ code: 0 });
        const paused = await home.task(id);
        expect(paused.pause).toMatchObject({ outcome: "cooperative" });
        await isStill(home);
        if (time % 2 === 0) await home.killDaemon();
        await home.cli("resume", `${id}`);
        const done = await finishes(home, id, 4);
        expect(done.agent.session).toBe(paused.agent.session);
      });
    });

    it(`learns that a tool call was interrupted, round ${time}`, { timeout }, async ({ home, skip }) => {
      await withModel({ home, skip, agent }, async (model) => {
        const id = await begin(home, agent, "PLAN steps=3 sleep=10", model);
        await inCall(home, id);
        if (time % 2 === 0) await home.killDaemon();
        await home.cli("pause", `${id}`, "--grace", "0s");
        const paused = await home.task(id);
        expect(paused.pause).toMatchObject({ outcome: "forced" });
        expect(paused.agent.cut).toMatchObject({ afterMs: expect.any(Number) });
        await isStill(home);
        await home.cli("resume", `${id}`);
        const done = await finishes(home, id, 3);
        expect(done.agent.session).toBe(paused.agent.session);
        expect((await home.cli("logs", `${id}`)).stdout).toMatch(/> The command .* was cut off/);
      });
    });
  }

  it("keeps running without the daemon, and waits for a limit", { timeout }, async ({ home, skip }) => {
    skip(agent === "gemini", "needs an agent that says when a limit is over");
    await withModel({ home, skip, agent }, async (model) => {
      const id = await begin(home, agent, "PLAN steps=3 sleep=2 fail=3 reset=3 tag=a", model);
      await inCall(home, id);
      await home.killDaemon();
      await home.cli("list");
      // This agent waits for such a short time by itself, so there is no limit.
      if (agent === "opencode") return void expect(await finishes(home, id, 3)).toMatchObject({ attempt: 1 });
      const limited = await home.reaches(id, "suspended", slow.deadlineMs);
      expect(limited.pause).toMatchObject({ cause: "limit", until: expect.any(String) });
      expect(limited.agent.limit).toMatchObject({ guessed: false });
      const done = await finishes(home, id, 3);
      expect(done).toMatchObject({ attempt: 2 });
      expect((await home.cli("logs", `${id}`)).stdout.match(/^> /gm)).toHaveLength(2);
    });
  });

  it("is suspended as stalled if its model is silent", { timeout }, async ({ home, skip }) => {
    await withModel({ home, skip, agent }, async (model) => {
      const id = await begin(home, agent, "PLAN steps=2 hang=2", model, "--idle-timeout", "30s");
      const stalled = await until(async () => {
        const task = await home.task(id);
        return task.state === "suspended" && task.attempt === 2 && task;
      }, slow);
      expect(stalled.pause).toMatchObject({ cause: "stalled", until: null });
      expect(progress(home)).toEqual(steps(1));
    });
  });

  it("asks for permission, and allows one writer per session", { timeout }, async ({ home, skip }) => {
    await withModel({ home, skip, agent }, async (model) => {
      const run = ["--agent", agent, "PLAN steps=2 sleep=1 ask=1"];
      const id = await home.run(...run, asking(model.env));
      const asked = await home.reaches(id, "input-required", slow.deadlineMs);
      expect(asked.question).toMatchObject({ kind: "permission" });
      expect(JSON.stringify(asked.question.tool)).toContain("step-1");
      expect(progress(home)).toEqual([]);
      const { session } = asked.agent;
      const second = await home.cli("--json", "run", "--session", session, ...run, asking(model.env));
      expect(JSON.parse(second.stdout).error).toMatchObject({ name: "SessionInUse" });
      await home.cli("answer", `${id}`, "allow");
      await until(async () => JSON.stringify((await home.task(id)).question ?? "").includes("step-2"), slow);
      expect(progress(home)).toEqual(steps(1));
      await home.cli("answer", `${id}`, "allow");
      const done = await finishes(home, id, 2);
      expect(done.agent.session).toBe(session);
    });
  });
});
