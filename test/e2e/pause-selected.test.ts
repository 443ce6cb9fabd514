import { expect } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { history, meanwhile, noted, oneSlot, open, twelveSteps } from "./story.ts";

/** Starts a running task, one that waits for its slot, and one that was paused on its own before. */
async function threeOfOneQueue(home: Home) {
  const queue = await oneSlot(home);
  const start = () => home.run("--queue", queue, "sleep", "60");
  const alone = await start();
  await home.reaches(alone, "working");
  await home.cli("pause", `${alone}`);
  const [busy, waiting] = [await start(), await start()];
  await home.reaches(busy, "working");
  return { queue, alone, busy, waiting };
}

it("pauses --all and holds the queues, so that no queued task starts in the freed slots", async ({
  home,
}) => {
  const { queue, busy, waiting } = await threeOfOneQueue(home);
  const answers = await home.json("pause", "--all");
  expect(answers.map(({ id, ok }: { id: number; ok: boolean }) => [id, ok])).toEqual([[busy, true]]);
  const { queues } = await home.rpc("queues/list");
  expect(queues.every(({ heldBy }: { heldBy: string }) => heldBy !== null)).toBe(true);
  await home.cli("queue", "release", "default");
  expect((await home.cli("run", "-w", "sleep", "0.2")).code).toBe(0);
  expect(await home.task(waiting)).toMatchObject({
    state: "submitted",
    waiting: { for: "queue", on: queue },
  });
});

it("holds the queue at the request, before the queue's task is suspended", async ({ home }) => {
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, home.module(twelveSteps), "--input", "3");
  const waiting = await home.run("--queue", queue, "true");
  await noted(home, 3);
  await home.cli("pause", "--queue", queue, "--no-wait");
  expect(await home.task(waiting)).toMatchObject({ waiting: { for: "queue" } });
  open(home);
  await home.reaches(id, "suspended");
  await meanwhile(home);
  expect(await history(home, waiting)).toEqual(["submitted"]);
});

it.for([["--all"], ["--queue", "one"]])(
  "resumes with %s what the same selector paused, and names the other tasks on stderr",
  async (selector, { home }) => {
    const { queue, alone, busy, waiting } = await threeOfOneQueue(home);
    await home.cli("pause", ...selector);
    const { code, stdout, stderr } = await home.cli("resume", ...selector);
    expect([code, stdout]).toEqual([0, `task ${busy} resumed; it goes on when there is a slot\n`]);
    expect(stderr).toContain(`task ${alone}`);
    expect(stderr).not.toContain(`task ${busy}`);
    expect((await home.task(alone)).state).toBe("suspended");
    await home.reaches(busy, "working");
    await home.cli("cancel", `${busy}`, "--grace", "0s");
    await home.reaches(waiting, "working");
    expect(queue).toBe("one");
  },
);

it("keeps a queue held that the user had held before", async ({ home }) => {
  const queue = await oneSlot(home);
  await home.cli("queue", "hold", queue);
  await home.cli("pause", "--all");
  await home.cli("resume", "--all");
  const [free, held] = (await home.rpc("queues/list")).queues;
  expect(free).toMatchObject({ name: "default", heldBy: null });
  expect(held).toMatchObject({ name: queue, heldBy: "user" });
});

it("holds a queue that is created while all queues are held, until all are resumed", async ({ home }) => {
  await home.run("--hold", "true");
  await home.cli("pause", "--all");
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, "true");
  expect(await home.task(id)).toMatchObject({ state: "submitted", waiting: { for: "queue", on: queue } });
  await home.cli("resume", "--all");
  await home.reaches(id, "completed");
});

it("pauses by label and by state without holding a queue", async ({ home }) => {
  const labelled = await home.run("--label", "team=red", "sleep", "60");
  const other = await home.run("--label", "team=blue", "sleep", "60");
  await home.reaches(other, "working");
  await home.reaches(labelled, "working");
  await home.cli("pause", "--label", "team=red");
  expect([(await home.task(labelled)).state, (await home.task(other)).state]).toEqual([
    "suspended",
    "working",
  ]);
  await home.cli("pause", "--state", "working");
  expect((await home.task(other)).state).toBe("suspended");
  expect((await home.rpc("queues/list")).queues[0].heldBy).toBeNull();
});

it("reports for each of several tasks its memory in use and what resume needs", async ({ home }) => {
  const ids = [await home.run("sleep", "60"), await home.run("sleep", "60")];
  for (const id of ids) await home.reaches(id, "working");
  const { stdout, stderr } = await home.cli("pause", "--all");
  expect(stdout).toBe(ids.map((id) => `task ${id} paused (frozen)\n`).join(""));
  for (const id of ids) {
    const line = `  its process keeps [\\d.]+ [KMG]iB of memory; agentctl pause ${id} --mode checkpoint frees it\n  a program that saves no checkpoint begins again then\n`;
    expect(stderr).toMatch(new RegExp(line));
  }
  await home.cli("resume", "--all");
  for (const id of ids) await home.reaches(id, "working");
  const { stderr: said } = await home.cli("pause", "--state", "working", "--mode", "checkpoint");
  // This line is printed only if the pause takes a while.
  expect(said.replace(/^pausing: .*\n/gm, "")).toBe(
    ids
      .map((id) => `  it has saved no checkpoint: agentctl resume ${id} --from-start begins again\n`)
      .join(""),
  );
});

it("acts once on a task that is named by its id, its name and its uuid", async ({ home }) => {
  const id = await home.run("--name", "once", "sleep", "60");
  const { uuid } = await home.reaches(id, "working");
  const paused = await home.json("pause", "once", `${id}`, uuid);
  expect(paused.map((answer: { id: number; ok: boolean }) => [answer.id, answer.ok])).toEqual([[id, true]]);
  const { code, stdout } = await home.cli("resume", `${id}`, "once", uuid);
  expect([code, stdout.split("\n").length - 1]).toEqual([0, 1]);
  const absent = await home.cli("cancel", "once", "absent", `${id}`, "--grace", "0s");
  expect([absent.code, absent.stdout]).toEqual([1, `task ${id} canceled\n`]);
  expect(absent.stderr).toContain('no task "absent"');
});

it("returns the same fields with --json for each of several tasks as for one", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const [answer] = await home.json("pause", "--all");
  expect(Object.keys(answer)).toEqual(["id", "ok", "changed", "task"]);
});

it("says that a selector matches nothing, and succeeds", async ({ home }) => {
  const { code, stdout, stderr } = await home.cli("pause", "--label", "team=red");
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toMatch(/no task that matches is running/);
  expect(await home.json("pause", "--label", "team=red")).toEqual([]);
  await home.run("--hold", "--label", "team=red", "true");
  expect((await home.cli("cancel", "--label", "team=rde")).stderr).toMatch(
    /no task matches.*did you mean team=red\?/,
  );
  await home.cli("queue", "hold", "default");
  const resumed = await home.cli("resume", "--all");
  expect([resumed.code, resumed.stderr]).toEqual([
    0,
    "queue default is still held; agentctl queue release default\nno task is suspended by pause --all\n",
  ]);
});

it("returns from resume --wait after every selected task has got a slot", async ({ home }) => {
  await home.cli("queue", "set", "default", "--slots", "1");
  const first = await home.run("sleep", "60");
  await home.reaches(first, "working");
  await home.cli("pause", `${first}`, "--mode", "freeze");
  const second = await home.run("sh", "-c", "until [ -e go ]; do sleep 0.02; done");
  await home.reaches(second, "working");
  await home.cli("pause", "--state", "working");
  expect((await home.task(second)).state).toBe("suspended");
  const resuming = home.spawn("resume", "--state", "suspended", "--wait");
  const states = async () => [(await home.task(first)).state, (await home.task(second)).state].sort();
  await until(async () => String(await states()) === "resumed,working");
  const cancel = (await home.task(first)).state === "working" ? first : second;
  await home.cli("cancel", `${cancel}`, "--grace", "0s");
  const { code, stdout } = await resuming.ended;
  expect([code, stdout.match(/resumed and running/g)]).toEqual([
    0,
    ["resumed and running", "resumed and running"],
  ]);
});
