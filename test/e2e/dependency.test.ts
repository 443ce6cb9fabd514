import { expect } from "vitest";
import { it } from "../harness/index.ts";

it("starts a task after all its dependencies, and cancels it if one cannot be met", async ({ home }) => {
  await home.cli("queue", "set", "default", "--slots", "4");
  const slow = await home.run("sleep", "60");
  const failed = await home.run("--name", "broken", "sh", "-c", "exit 3");
  await home.cli("wait", `${failed}`);
  const words = ["--after-any", `${slow}`, "--after-failed", "broken"];
  const id = await home.run(...words, "true");
  const never = await home.run("--after-failed", `${slow}`, "true");
  expect(await home.task(id)).toMatchObject({
    state: "submitted",
    after: [
      { id: slow, when: "ended" },
      { id: failed, when: "failed" },
    ],
    waiting: { for: "task", on: slow },
  });
  expect((await home.cli("show", `${id}`)).stdout).toContain(
    `after       task ${slow} (ended), task ${failed} (failed)`,
  );
  await home.cli("cancel", `${slow}`);
  await home.cli("wait", `${id}`, `${never}`);
  expect((await home.task(id)).state).toBe("completed");
  const { state, error, events } = await home.json("show", `${never}`);
  expect([state, error.message, events.at(-1).cause]).toEqual([
    "canceled",
    `task ${slow}, which was to fail first, is canceled`,
    "dependency",
  ]);
});

it("takes several ids in one word", async ({ home }) => {
  const [first, second] = [await home.run("--hold", "true"), await home.run("--hold", "true")];
  const id = await home.run("--after", `${first},${second}`, "true");
  expect((await home.task(id)).after.map((one: { id: number }) => one.id)).toEqual([first, second]);
  const unknown = await home.cli("run", "--after-any", `${first},99`, "true");
  expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('no task "99"') });
});

it("refuses an unknown dependency and two conditions on one task, and stores nothing", async ({ home }) => {
  const held = await home.run("--hold", "true");
  const unknown = await home.cli("run", "--after", `${held}`, "--after", "99", "true");
  expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining("99")]);
  const both = await home.cli("run", "--after", `${held}`, "--after-failed", `${held}`, "true");
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining(`task ${held} cannot be both`)]);
  expect((await home.json("list", "--all")).length).toBe(1);
  const wire = await home.connect();
  const { task } = await wire.request("tasks/create", { argv: ["true"], after: held });
  expect(task.after).toEqual([{ id: held, when: "completed" }]);
});
