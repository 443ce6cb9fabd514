import { expect } from "vitest";
import { it, until } from "../harness/index.ts";

it("lets a script's checkpoint save finish when the pause signal ends the script", async ({ home }) => {
  const save = "(sleep 0.15; echo saved) | agentctl checkpoint save";
  const id = await home.run("--pause-mode", "checkpoint", "sh", "-c", `while :; do ${save}; done`);
  await until(async () => (await home.task(id)).checkpoint, { message: "a first checkpoint" });
  const before = (await home.task(id)).checkpoint.seq;
  const { task } = await home.json("pause", `${id}`);
  expect(task).toMatchObject({ state: "suspended", pause: { outcome: "cooperative" } });
  expect(task.checkpoint.seq).toBeGreaterThan(before);
});
