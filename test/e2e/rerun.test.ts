import { expect } from "vitest";
import { it, needsOwnStore } from "../harness/index.ts";
import { notes, taskModule } from "./story.ts";

it("submits the same again, with the caller's environment and an id of its own", async ({ home }) => {
  needsOwnStore(home, "the shell that submits gives nothing in a cluster");
  const id = await home.run("--label", "team=red", "sh", "-c", 'echo "$COLOUR" >> notes; exit 3', {
    env: { COLOUR: "red" },
  });
  await home.reaches(id, "failed");
  const { stdout } = await home.cli("rerun", `${id}`, { env: { COLOUR: "blue" } });
  expect(stdout).toBe(`${id + 1}\n`);
  expect(await home.reaches(id + 1, "failed")).toMatchObject({ labels: { team: "red" }, exitCode: 3 });
  expect(notes(home)).toEqual(["red", "blue"]);
});

it("starts at a checkpoint of the old task with --from", async ({ home }) => {
  const source = taskModule(`
    for (const name of ["a", "b", "c"]) {
      await task.step(name, () => note(name));
      await task.save(name);
    }
    if (task.id === 1) throw new Error("too late");`);
  const id = await home.run(home.module(source));
  await home.reaches(id, "failed");
  await home.cli("rerun", `${id}`, "--from", "2");
  await home.reaches(id + 1, "completed");
  expect(notes(home)).toEqual(["a", "b", "c", "c"]);
});

it("is refused for a task that has not ended", async ({ home }) => {
  const id = await home.run("--hold", "true");
  expect((await home.cli("rerun", `${id}`)).code).toBe(4);
});
