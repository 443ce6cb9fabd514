import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { history, meanwhile, noted, open, twelveSteps } from "./story.ts";

it("resumes a task at the time of --until", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { task } = await home.json("pause", `${id}`, "--until", "700ms");
  expect(task.state).toBe("suspended");
  expect(Date.parse(task.pause.until)).toBeGreaterThan(Date.parse(task.pause.at));
  await home.reaches(id, "working");
  expect((await home.json("show", `${id}`)).events.map(({ cause }: { cause: string }) => cause)).toEqual([
    "run",
    "start",
    "pause",
    "until",
    "thaw",
  ]);
});

it("pauses a task at the time of --at, and lets it work until then", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { task } = await home.json("pause", `${id}`, "--at", "1s", "--reason", "lunch");
  expect(task.state).toBe("working");
  expect((await home.reaches(id, "suspended")).pause).toMatchObject({ cause: "user", reason: "lunch" });
});

it("resumes a task right after its pause if the time of --until is over by then", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--until", "100ms", "--no-wait");
  await meanwhile(home);
  expect((await home.task(id)).state).toBe("working");
  open(home);
  await home.reaches(id, "completed");
  expect(await history(home, id)).toEqual([
    "submitted",
    "working",
    "suspended",
    "resumed",
    "working",
    "completed",
  ]);
});

it("refuses an invalid time and names the accepted format", async ({ home }) => {
  const { code, stderr } = await home.cli("pause", "1", "--until", "soon");
  expect(code).toBe(2);
  expect(stderr).toContain("ISO 8601");
  expect((await home.cli("pause", "1", "--grace", "60")).code).toBe(2);
});

it("keeps a planned pause for a task that is not running yet, and pauses it at its start", async ({
  home,
}) => {
  const id = await home.run("--delay", "1s", "sleep", "60");
  await home.cli("pause", `${id}`, "--at", "100ms", "--until", "1h");
  const { pause, waiting, startedAt } = await home.reaches(id, "suspended");
  expect(pause).toMatchObject({ cause: "user", outcome: "frozen" });
  expect(waiting).toMatchObject({ for: "time" });
  expect(startedAt).not.toBeNull();
});

it("shows a planned pause, and cancels it with --at never", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { stdout } = await home.cli("pause", `${id}`, "--at", "1h", "--until", "2h", "--reason", "lunch");
  expect(stdout).toMatch(/^task \d+ will be paused at /);
  expect((await home.json("show", `${id}`)).plannedPause).toMatchObject({ mode: "auto", reason: "lunch" });
  expect((await home.cli("show", `${id}`)).stdout).toContain(`agentctl pause ${id} --at never takes it back`);
  const never = await home.cli("pause", `${id}`, "--at", "never");
  expect(never.stdout).toBe(`no pause of task ${id} is planned any more\n`);
  expect((await home.json("show", `${id}`)).plannedPause).toBeNull();
});

it("pauses all running tasks of the queues at the time of --at, and holds the queues", async ({ home }) => {
  const ids = [await home.run("sleep", "60"), await home.run("sleep", "60")];
  for (const id of ids) await home.reaches(id, "working");
  const waits = await home.run("sleep", "60");
  const { stdout, stderr } = await home.cli("pause", "--all", "--at", "8s", "--reason", "night");
  expect(stdout.match(/will be paused at/g)).toHaveLength(3);
  expect(stderr).toMatch(/every queue is held from .+ until agentctl resume --all/);
  const after = await home.run("sleep", "60");
  for (const id of ids) expect((await home.task(id)).state).toBe("working");
  await home.rpc("tasks/cancel", { id: ids[0], graceMs: 0 });
  const paused = await home.reaches(ids[1] as number, "suspended");
  expect(paused.pause).toMatchObject({ cause: "user", reason: "night" });
  await home.reaches(waits, "suspended");
  expect(await home.task(after)).toMatchObject({ state: "submitted", waiting: { for: "queue" } });
  expect((await home.json("queue", "list"))[0]).toMatchObject({ name: "default", heldBy: "all" });
  await home.cli("resume", "--all");
  for (const id of [ids[1], waits] as number[]) await home.reaches(id, "working");
  await home.cli("cancel", `${ids[1]}`, "--grace", "0s");
  // The planned pause happens only once.
  await home.reaches(after, "working");
});

it("cancels a planned pause of whole queues with the same selector", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const planned = async () => (await home.json("show", `${id}`)).plannedPause;
  await home.cli("pause", "--queue", "default", "--at", "1h");
  expect(await planned()).not.toBeNull();
  const { stderr } = await home.cli("pause", "--queue", "default", "--at", "never");
  expect([await planned(), stderr]).toEqual([null, ""]);
  expect((await home.json("queue", "list"))[0]).toMatchObject({ name: "default", held: false });
});

it("releases paused queues at the time of --until, with and without running tasks", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { stderr } = await home.cli("pause", "--all", "--until", "6s");
  expect(stderr).toMatch(/every queue is held until .+ or agentctl resume --all/);
  const waits = await home.run("true");
  expect(await home.task(waits)).toMatchObject({ state: "submitted", waiting: { for: "queue" } });
  const [held] = await home.json("queue", "list");
  expect([held.heldBy, Date.parse(held.heldUntil) > Date.now() - 5000]).toEqual(["all", true]);
  await home.reaches(waits, "completed");
  await home.reaches(id, "working");
  expect((await home.json("queue", "list"))[0]).toMatchObject({ held: false, heldBy: null, heldUntil: null });
  await home.cli("cancel", `${id}`, "--grace", "0s");
  await home.cli("pause", "--all", "--until", "1s");
  await until(async () => (await home.json("queue", "list"))[0].held === false);
  await home.cli("pause", "--queue", "default", "--until", "1s");
  await home.cli("daemon", "restart");
  await home.reaches(await home.run("true"), "completed");
});

it("refuses a pause that would end before it begins", async ({ home }) => {
  const past = await home.cli("pause", "1", "--until", "2020-01-01T00:00:00Z");
  expect([past.code, past.stderr]).toEqual([2, expect.stringMatching(/in the past|not later than now/)]);
  const before = await home.cli("pause", "1", "--at", "2h", "--until", "1h");
  expect([before.code, before.stderr]).toEqual([2, expect.stringContaining("is not later than --at")]);
  expect((await home.cli("pause", "1", "--at", "2020-01-01T00:00:00Z")).code).toBe(2);
});

it("reports that a second pause of a suspended task does not change the first", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  const again = await home.cli("pause", `${id}`, "--until", "1h");
  expect([again.code, again.stderr]).toEqual([
    0,
    `task ${id} is suspended already, and its pause stands as it was made\n`,
  ]);
  expect((await home.cli("pause", `${id}`)).stderr).toBe(`task ${id} is suspended already\n`);
  expect((await home.task(id)).pause.until).toBeNull();
});
