import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { history, meanwhile, noted, oneSlot, open, twelveSteps } from "./story.ts";

it("keeps a task that is not running from starting until release", async ({ home }) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sleep", "60");
  const id = await home.run("--queue", queue, "true");
  expect((await home.cli("hold", `${id}`)).code).toBe(0);
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await meanwhile(home);
  expect(await home.task(id)).toMatchObject({ state: "submitted", held: true, waiting: { for: "hold" } });
  expect((await home.cli("release", `${id}`)).code).toBe(0);
  await home.reaches(id, "completed");
});

it("holds a task from its submission with run --hold", async ({ home }) => {
  const id = await home.run("--hold", "true");
  await meanwhile(home);
  expect(await history(home, id)).toEqual(["submitted"]);
  expect((await home.json("hold", `${id}`)).changed).toBe(false);
  await home.cli("release", `${id}`);
  await home.reaches(id, "completed");
});

it("keeps a suspended task from continuing after resume", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  open(home);
  await home.cli("hold", `${id}`);
  await home.cli("resume", `${id}`);
  await meanwhile(home);
  expect(await home.task(id)).toMatchObject({ state: "resumed", waiting: { for: "hold" } });
  await home.cli("release", `${id}`);
  await home.reaches(id, "completed");
});

it("refuses to hold a running task, which continues", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { code, stderr } = await home.cli("hold", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl pause ${id}`);
  expect(await home.task(id)).toMatchObject({ state: "working", held: false });
});

it("names the daemon's own hold as the reason why a task waits", async ({ home }) => {
  await home.cli("daemon", "start", "--hold");
  const id = await home.run("true");
  expect((await home.task(id)).waiting).toMatchObject({ for: "hold", on: "daemon" });
  const { stdout } = await home.cli("show", `${id}`);
  expect(stdout).toContain("the daemon was started with --hold");
  expect(stdout).toContain("agentctl daemon restart");
  await home.cli("daemon", "restart");
  await home.reaches(id, "completed");
});
