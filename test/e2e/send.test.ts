import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { meanwhile, noted, notes, open, taskModule } from "./story.ts";

it("delivers each message once and in order, and ends no pause with a message", async ({ home }) => {
  const source = taskModule(`
    await task.step("one", () => { note("one"); return gate("first"); });
    const first = await task.messages();
    await task.step("two", () => { note("two"); return gate("second"); });
    const second = await task.messages();
    return [first, second, await task.messages()];`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  await home.cli("send", `${id}`, "a");
  open(home, "first");
  await noted(home, 2);
  await home.cli("send", `${id}`, "b");
  await home.cli("pause", `${id}`, "--no-wait");
  open(home, "second");
  await home.cli("pause", `${id}`);
  expect((await home.cli("send", `${id}`, "c")).code).toBe(0);
  await meanwhile(home);
  expect((await home.task(id)).state).toBe("suspended");
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toEqual([["a"], ["b", "c"], []]);
});

it("keeps messages for a task that has not started, also from stdin", async ({ home }) => {
  const id = await home.run("--hold", home.module(taskModule("return task.messages();")));
  await home.cli("send", `${id}`, "-", { input: "two\nlines" });
  expect((await home.json("send", `${id}`, "--", "-x")).ok).toBe(true);
  await home.cli("release", `${id}`);
  expect((await home.reaches(id, "completed")).result).toEqual(["two\nlines", "-x"]);
});

it("delivers messages again that were delivered after the checkpoint of --from", async ({ home }) => {
  const source = taskModule(`
    await task.step("one", () => undefined);
    await task.save(1);
    note((await task.messages()).join());
    await task.step("two", () => { note("two"); return gate("go"); });`);
  const id = await home.run("--hold", home.module(source));
  await home.cli("send", `${id}`, "hello");
  await home.cli("release", `${id}`);
  await noted(home, 2);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.cli("resume", `${id}`, "--from", "1");
  open(home);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(["hello", "two", "hello", "two"]);
});

it("refuses a message to an ended task", async ({ home }) => {
  const id = await home.run("true");
  await home.reaches(id, "completed");
  expect((await home.cli("send", `${id}`, "late")).code).toBe(4);
  expect((await home.json("send", `${id}`, "late")).error.name).toBe("TaskImmutable");
});

it("refuses a message that is not UTF-8, and sends nothing of it", async ({ home }) => {
  const id = await home.run("--stdin", "pipe", "cat");
  const input = Buffer.from("caf\xe9", "latin1");
  expect(await home.cli("send", `${id}`, "-", { input })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("what is on stdin is not valid UTF-8"),
  });
  await home.cli("send", `${id}`, "--eof");
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout).toBe("");
});
