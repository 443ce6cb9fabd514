import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { agentOptions, step } from "./agent-story.ts";
import { notes, taskModule } from "./story.ts";

it("continues a failed module without a checkpoint with --continue, and runs no completed step again", async ({
  home,
}) => {
  const source = (last: string) =>
    taskModule(`
    const asked = await task.ask("how many?");
    const a = await task.step("a", () => { note("a"); return 1; });
    const b = await task.step("b", () => { note("b"); return 2; });
    const c = await task.step("c", () => { note("c"); ${last} });
    return asked + (a + b + c);`);
  const id = await home.run(home.module(source('throw new Error("the service is down")')));
  await home.reaches(id, "input-required");
  await home.cli("answer", `${id}`, "three");
  await home.reaches(id, "failed");
  const refused = await home.cli("resume", `${id}`);
  expect(refused).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(`agentctl rerun ${id} --continue`),
  });
  expect((await home.cli("show", `${id}`)).stdout).toContain(`agentctl rerun ${id} --continue`);

  home.module(source("return 3;"));
  const { stdout, stderr } = await home.cli("rerun", `${id}`, "--continue");
  expect(stderr).toBe("");
  const next = Number(stdout);
  expect(await home.reaches(next, "completed")).toMatchObject({ result: "three6" });
  expect(notes(home)).toEqual(["a", "b", "c", "c"]);
  // The old task and its journal are unchanged.
  expect(await home.json("show", `${id}`)).toMatchObject({
    state: "failed",
    steps: [{ name: "a" }, { name: "b" }],
  });
});

it("continues with --continue from the last checkpoint, later steps and what a running step kept", async ({
  home,
}) => {
  const source = taskModule(`
    if (task.checkpoint === undefined) {
      await task.step("first", () => note("first"));
      await task.save("one");
      await task.save("two");
    } else note("from " + task.checkpoint);
    await task.step("second", () => note("second"));
    await task.step("third", async (step) => {
      note("kept " + step.kept);
      await step.keep("half");
      if (task.id === 1) throw new Error("too late");
    });`);
  const id = await home.run("--name", "long", home.module(source));
  await home.reaches(id, "failed");
  await home.cli("rerun", "long", "--continue");
  await home.reaches(id + 1, "completed");
  expect(notes(home)).toEqual(["first", "second", "kept undefined", "from two", "kept half"]);
});

it("continues a canceled program with --continue from its last checkpoint, in a copy of its folder", async ({
  home,
}) => {
  const script = `
    [ -z "$AGENTCTL_CHECKPOINT" ] || { cat "$AGENTCTL_CHECKPOINT" >> notes; cat "$AGENTCTL_TASK_DIR/part" >> notes; exit 0; }
    echo part > "$AGENTCTL_TASK_DIR/part"
    echo 1 | agentctl checkpoint save; echo 2 | agentctl checkpoint save
    echo saved >> notes; sleep 600`;
  const id = await home.run("sh", "-c", script);
  await home.reaches(id, "working");
  await home.sh("until grep -q saved notes 2>/dev/null; do sleep 0.02; done");
  await home.cli("cancel", `${id}`, "--grace", "0s");
  const next = Number((await home.cli("rerun", `${id}`, "--continue")).stdout);
  await home.reaches(next, "completed");
  expect(notes(home)).toEqual(["saved", "2", "part"]);
});

it("refuses --continue if there is nothing to continue from, and together with --from", async ({ home }) => {
  const id = await home.run("false");
  await home.reaches(id, "failed");
  expect(await home.cli("rerun", `${id}`, "--continue")).toMatchObject({
    code: 3,
    stderr: `agentctl: task ${id} has no checkpoint and no step to go on from\n  agentctl rerun ${id} begins again\n`,
  });
  const both = await home.cli("rerun", `${id}`, "--continue", "--from", "1");
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("either --from or --continue") });
  expect(await home.json("list")).toHaveLength(1);
});

it("refuses --continue for an agent and suggests its session", async ({ home }) => {
  const steps = [step(1), { fail: "too many turns" }];
  const id = await home.run(...agentOptions(home, "claude", steps), "do it");
  const { agent } = await home.reaches(id, "failed");
  const refused = await home.cli("rerun", `${id}`, "--continue");
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain(`agentctl run --agent claude --session ${agent.session} "<`);
});

it("runs no step with --continue if the changed module does not fit its journal", async ({ home }) => {
  const id = await home.run(
    home.module(taskModule(`await task.step("a", () => note("a")); throw new Error("no");`)),
  );
  await home.reaches(id, "failed");
  writeFileSync(home.file("task.mjs"), taskModule(`await task.step("other", () => note("other"));`));
  const next = Number((await home.cli("rerun", `${id}`, "--continue")).stdout);
  expect(await home.reaches(next, "suspended")).toMatchObject({ pause: { cause: "mismatch" } });
  expect(notes(home)).toEqual(["a"]);
});
