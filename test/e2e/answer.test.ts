import { expect } from "vitest";
import { isAlive, it } from "../harness/index.ts";
import { history, notes, oneSlot, pidOf, taskModule } from "./story.ts";

const publishing = taskModule(`
  await task.step("write", () => note(process.pid));
  return task.ask("Publish?", { choices: ["yes", "no"] });
`);

it("answers a waiting task, which holds no process and no slot, and continues it", async ({ home }) => {
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, home.module(publishing));
  const { question, pid, waiting } = await home.reaches(id, "input-required");
  expect([question.prompt, pid, waiting.for]).toEqual(["Publish?", null, "answer"]);
  expect((await home.cli("run", "--wait", "--queue", queue, "true")).code).toBe(0);
  expect(isAlive(Number(notes(home)[0]))).toBe(false);
  expect((await home.cli("answer", `${id}`, "yes")).code).toBe(0);
  expect((await home.reaches(id, "completed")).result).toBe("yes");
  expect(notes(home)).toHaveLength(1);
  const states = ["submitted", "working", "input-required", "submitted", "working", "completed"];
  expect(await history(home, id)).toEqual(states);
});

it("accepts only one of the choices and names them in the refusal", async ({ home }) => {
  const asked = await home.cli("run", "--wait", "--exit-on-pause", home.module(publishing));
  const id = Number(asked.stdout);
  expect(asked.stderr).toContain(`task ${id} asks: Publish? (yes, no); agentctl answer ${id} <text>`);
  expect((await home.cli("show", `${id}`)).stdout).toContain("asks: Publish? (yes, no)");
  const { code, stderr } = await home.cli("answer", `${id}`, "perhaps");
  expect(code).toBe(2);
  expect(stderr).toContain("yes, no");
  expect((await home.task(id)).state).toBe("input-required");
});

it("reads the answer from stdin", async ({ home }) => {
  const id = await home.run(home.module(taskModule('return task.ask("Which words?");')));
  await home.reaches(id, "input-required");
  await home.cli("answer", `${id}`, "-", { input: "two\nlines" });
  expect((await home.reaches(id, "completed")).result).toBe("two\nlines");
});

it("uses the default answer when a question times out", async ({ home }) => {
  const source = taskModule('return task.ask("Publish?", { timeout: "300ms", default: "no" });');
  const id = await home.run(home.module(source));
  expect((await home.reaches(id, "completed")).result).toBe("no");
});

it("refuses an answer to a task that has not asked", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await pidOf(home, id);
  expect((await home.cli("answer", `${id}`, "yes")).code).toBe(4);
});

it("rejects a second question while the first is open", async ({ home }) => {
  const source = taskModule(`
    const [first, second] = await Promise.allSettled([task.ask("A?"), task.ask("B?")]);
    return [first.value, second.reason.message];`);
  const id = await home.run(home.module(source));
  await home.reaches(id, "input-required");
  await home.cli("answer", `${id}`, "a");
  const { result } = await home.reaches(id, "completed");
  expect(result[0]).toBe("a");
  expect(result[1]).toContain('"A?"');
});

it("refuses to pause a task that waits for an answer, and suggests agentctl answer", async ({ home }) => {
  const id = await home.run(home.module(publishing));
  await home.reaches(id, "input-required");
  const { code, stderr } = await home.cli("pause", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl answer ${id}`);
});
