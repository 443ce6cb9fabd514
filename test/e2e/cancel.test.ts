import { expect } from "vitest";
import { isAlive, it, processes, until } from "../harness/index.ts";
import { history, noted, notes, open, pidOf, taskModule, ticking } from "./story.ts";

/** A command that leaves behind a process in its own session, which ignores SIGTERM. */
const stubborn = `node -e '
require("node:child_process").spawn("sh", ["-c", "trap \\"\\" TERM; echo $$ > stray; while :; do sleep 0.02; done"],
  { detached: true, stdio: "ignore" }).unref()'
`;

it("kills the whole tree before it returns, including an orphan in its own session", async ({ home }) => {
  const id = await home.run(home.script(`${stubborn}\nsleep 61 & sleep 62`));
  await noted(home, 1, "stray");
  expect((await home.cli("cancel", `${id}`, "--grace", "300ms")).code).toBe(0);
  expect(isAlive(Number(notes(home, "stray")[0]))).toBe(false);
  expect(processes(home.root).filter(({ command }) => /sleep 6[12]|script/.test(command))).toEqual([]);
  expect(await home.task(id)).toMatchObject({ state: "canceled", pid: null });
});

it("sends SIGTERM and lets the task exit within the grace time", async ({ home }) => {
  const id = await home.run(home.script(`trap 'echo bye >> notes; exit 3' TERM; ${ticking}`));
  await noted(home, 1, "ticks");
  await home.cli("cancel", `${id}`, "--reason", "enough");
  expect(notes(home)).toEqual(["bye"]);
  expect(await home.task(id)).toMatchObject({ state: "canceled", exitCode: 3 });
  expect((await home.cli("show", `${id}`)).stdout).toContain("enough");
});

it("cancels a frozen task, which cannot handle SIGTERM while it is stopped", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`);
  expect((await home.cli("cancel", `${id}`)).code).toBe(0);
  expect(isAlive(pid)).toBe(false);
  expect(await history(home, id)).toEqual(["submitted", "working", "suspended", "canceled"]);
});

it("cancels a task in each open state, and nothing changes it afterwards", async ({ home }) => {
  const held = await home.run("--hold", "true");
  const asks = await home.run(home.module(taskModule('await task.ask("?");')));
  const paused = await home.run("sleep", "60");
  await home.reaches(paused, "working");
  await home.cli("pause", `${paused}`, "--mode", "checkpoint");
  await home.reaches(asks, "input-required");
  expect((await home.cli("cancel", `${held}`, `${asks}`, `${paused}`)).code).toBe(0);
  for (const verb of ["pause", "resume", "hold"]) expect((await home.cli(verb, `${held}`)).code).toBe(4);
  expect((await home.json("cancel", `${held}`)).changed).toBe(false);
  expect(await history(home, held)).toEqual(["submitted", "canceled"]);
});

it("refuses to cancel an ended task, which keeps its state", async ({ home }) => {
  const id = await home.run("true");
  await home.reaches(id, "completed");
  expect((await home.cli("cancel", `${id}`)).code).toBe(4);
  expect((await home.json("cancel", `${id}`)).error).toMatchObject({
    name: "TaskNotCancelable",
    data: { id, state: "completed" },
  });
});

it("cancels a task during its pause, whose command exits with 4", async ({ home }) => {
  const id = await home.run(home.module(taskModule('note("on"); await gate("never");')));
  await noted(home, 1);
  const pausing = home.cli("pause", `${id}`, "--grace", "1h");
  await until(async () => (await home.json("show", `${id}`)).activity.doing !== null);
  expect((await home.cli("cancel", `${id}`, "--grace", "0s")).code).toBe(0);
  expect((await pausing).code).toBe(4);
  open(home);
});

it("kills a module that blocks its own event loop before the grace time is over", async ({ home }) => {
  const source = taskModule('await task.step("one", () => note("one")); note("blocked"); for (;;);');
  const id = await home.run(home.module(source));
  await noted(home, 2);
  const began = performance.now();
  expect((await home.cli("cancel", `${id}`, "--grace", "30s")).code).toBe(0);
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await home.task(id)).toMatchObject({ state: "canceled", signal: "SIGKILL" });
});

it("gives a busy module that handles the abort its whole grace time", async ({ home }) => {
  const source = taskModule(`
    const busy = (ms) => { for (const end = Date.now() + ms; Date.now() < end; ); };
    task.signal.addEventListener("abort", async () => {
      for (let i = 0; i < 30; i++) { busy(50); await delay(1); }
      note("tidied");
      process.exit(3);
    });
    note("works");
    await new Promise(() => {});`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  expect((await home.cli("cancel", `${id}`, "--grace", "30s")).code).toBe(0);
  expect(notes(home)).toEqual(["works", "tidied"]);
});
