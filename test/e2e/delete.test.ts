import { existsSync } from "node:fs";
import { expect } from "vitest";
import { it } from "../harness/index.ts";

it("deletes an ended task with its logs and checkpoints and never reuses its id", async ({ home }) => {
  const id = await home.run("sh", "-c", "echo 1 | agentctl checkpoint save");
  await home.reaches(id, "completed");
  expect((await home.cli("delete", `${id}`)).code).toBe(0);
  expect((await home.cli("show", `${id}`)).code).toBe(3);
  expect([existsSync(`${home.dir}/logs/${id}`), existsSync(`${home.dir}/tasks/${id}`)]).toEqual([
    false,
    false,
  ]);
  expect((await home.cli("resume", `${id}`)).code).toBe(3);
  expect(await home.run("true")).toBe(id + 1);
});

it("deletes only one task if an id and a name mean the same one", async ({ home }) => {
  const older = await home.run("--name", "twin", "true");
  await home.reaches(older, "completed");
  const newer = await home.run("--name", "twin", "true");
  await home.reaches(newer, "completed");
  const { code, stdout } = await home.cli("delete", `${newer}`, "twin");
  expect([code, stdout]).toEqual([0, `task ${newer} deleted: twin\n`]);
  expect((await home.task(older)).state).toBe("completed");
});

it("refuses to delete an open task and suggests agentctl cancel", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const { code, stderr } = await home.cli("delete", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl cancel ${id}`);
  expect((await home.task(id)).state).toBe("submitted");
});

it("deletes nothing with --dry-run, and keeps tasks younger than --older", async ({ home }) => {
  const id = await home.run("true");
  await home.reaches(id, "completed");
  expect((await home.cli("delete", "--all", "--dry-run")).code).toBe(0);
  expect((await home.cli("delete", "--all", "--older", "1h")).code).toBe(0);
  expect((await home.task(id)).state).toBe("completed");
  await home.cli("delete", "--all");
  expect(await home.json("list", "--all")).toEqual([]);
});

it("reports deleted tasks in the order in which they were named", async ({ home }) => {
  const lines = Array.from({ length: 40 }, () => '{"argv": ["true"], "held": true}').join("\n");
  await home.cli("batch", { input: `${lines}\n` });
  await home.cli("cancel", "--all");
  const { stdout } = await home.cli("delete", "21-40", "1-20");
  const ids = [...stdout.matchAll(/^task (\d+) deleted/gm)].map(([, id]) => Number(id));
  expect(ids).toEqual(Array.from({ length: 40 }, (_, n) => ((n + 20) % 40) + 1));
});
