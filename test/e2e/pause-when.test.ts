import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { history, meanwhile, noted, open, twelveSteps } from "./story.ts";

it("resumes by itself at the time of --until", async ({ home }) => {
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

it("pauses later with --at, and works until then", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { task } = await home.json("pause", `${id}`, "--at", "1s", "--reason", "lunch");
  expect(task.state).toBe("working");
  expect((await home.reaches(id, "suspended")).pause).toMatchObject({ cause: "user", reason: "lunch" });
});

it("lets --until of a pause that takes longer resume when it has ended", async ({ home }) => {
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

it("refuses a time that is none, and says what is accepted", async ({ home }) => {
  const { code, stderr } = await home.cli("pause", "1", "--until", "soon");
  expect(code).toBe(2);
  expect(stderr).toContain("ISO 8601");
  expect((await home.cli("pause", "1", "--grace", "60")).code).toBe(2);
});
