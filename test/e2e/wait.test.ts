import { describe, expect } from "vitest";
import { it, needsLinux, signalTo, until } from "../harness/index.ts";
import { noted, open, taskModule, ticking, waitsForAnswer } from "./story.ts";

it.for([
  ["exit 0", 0],
  ["exit 7", 7],
  ["kill -TERM $$", 143],
])("exits with the code of a single program: %s gives %i", async ([script, code], { home }) => {
  const id = await home.run("sh", "-c", script as string);
  expect((await home.cli("wait", `${id}`)).code).toBe(code);
});

it("exits with 1 for a failed module, and with 130 for a canceled task", async ({ home }) => {
  const module = await home.run(home.module(taskModule('throw new Error("no");')));
  const canceled = await home.run("--hold", "true");
  await home.cli("cancel", `${canceled}`);
  expect((await home.cli("wait", `${module}`)).code).toBe(1);
  expect((await home.cli("wait", `${canceled}`)).code).toBe(130);
});

it("exits with 1 if one of several tasks did not complete", async ({ home }) => {
  const [good, bad] = [await home.run("true"), await home.run("false")];
  expect((await home.cli("wait", `${good}`, `${bad}`)).code).toBe(1);
});

it("exits at the first task that did not complete with --fail-fast, and prints its id", async ({ home }) => {
  const long = await home.run("sleep", "60");
  const bad = await home.run("false");
  expect(await home.cli("wait", `${long}`, `${bad}`, "--fail-fast")).toMatchObject({
    code: 1,
    stdout: `${bad}\n`,
  });
});

it("exits with 124 after --timeout, and the task continues", async ({ home }) => {
  const id = await home.run("sh", "-c", ticking);
  await noted(home, 1, "ticks");
  expect((await home.cli("wait", `${id}`, "--timeout", "200ms")).code).toBe(124);
  expect((await home.task(id)).state).toBe("working");
});

it("exits when the task reaches the state of --until", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const waiting = home.spawn("wait", `${id}`, "--until", "suspended");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  expect((await waiting.ended).code).toBe(0);
});

it("keeps waiting through a pause and a resume, and says what it waits for", async ({ home }) => {
  const id = await home.run("sh", "-c", ticking);
  await noted(home, 1, "ticks");
  const waiting = home.spawn("wait", `${id}`);
  await home.cli("pause", `${id}`);
  await until(() => waiting.stderr.includes(`agentctl resume ${id}`));
  await home.cli("resume", `${id}`);
  open(home);
  expect((await waiting.ended).code).toBe(7);
});

it("leaves the tasks alone at Ctrl-C, and says how to wait again", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const other = await home.run("sh", "-c", ticking);
  const waiting = home.spawn("wait", `${id}`, `${other}`);
  await until(() => waiting.stderr.includes("is held"));
  waiting.kill("SIGINT");
  const { code, stderr } = await waiting.ended;
  expect([code, stderr]).toEqual([130, expect.stringContaining(`agentctl wait ${id} ${other}`)]);
  expect((await home.task(other)).state).toBe("working");
});

it.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "cancels open tasks with --cancel-on-exit at %s",
  async (signal, { home }) => {
    const done = await home.run("true");
    const held = await home.run("--hold", "true");
    const working = await home.run("sh", "-c", ticking);
    await noted(home, 1, "ticks");
    await home.reaches(done, "completed");
    const waiting = home.spawn("wait", `${done}`, `${held}`, `${working}`, "--cancel-on-exit");
    await until(() => waiting.stderr.includes("is held"));
    waiting.kill(signal);
    const { code, stderr } = await waiting.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining(`canceling task ${held}, ${working}\n`)]);
    expect((await home.json("list")).map(({ state }: { state: string }) => state)).toEqual([
      "completed",
      "canceled",
      "canceled",
    ]);
  },
);

it("cancels a task that it was still looking up, and exits with 130", async ({ home, skip }) => {
  needsLinux(skip);
  const id = await home.run("sh", "-c", ticking);
  await noted(home, 1, "ticks");
  const pid = (await home.daemonPid()) ?? 0;
  signalTo(pid, "SIGSTOP");
  const waiting = home.spawn("wait", `${id}`, "--cancel-on-exit");
  await until(() => waitsForAnswer(waiting.pid));
  waiting.kill("SIGINT");
  signalTo(pid, "SIGCONT");
  expect((await waiting.ended).code).toBe(130);
  expect((await home.task(id)).state).toBe("canceled");
});

describe("a wait with errors", () => {
  it("exits with 3 for an unknown task", async ({ home }) => {
    await home.cli("daemon", "start");
    expect((await home.cli("wait", "99")).code).toBe(3);
  });

  it("reports an unknown task once, and waits for the others", async ({ home }) => {
    const id = await home.run("true");
    const { code, stderr } = await home.cli("wait", "nosuch", `${id}`);
    expect(code).toBe(1);
    expect(stderr).toBe(`agentctl: no task "nosuch"\n  agentctl list --all\ntask ${id} completed\n`);
  });

  it("reconnects to a daemon that was restarted", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    await noted(home, 1, "ticks");
    const waiting = home.spawn("wait", `${id}`);
    await home.killDaemon();
    await home.cli("daemon", "start");
    open(home);
    expect((await waiting.ended).code).toBe(7);
  });
});
