import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { oneMebibyte } from "./story.ts";

const parse = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

it("prints every committed change of a task, numbered, as lines of JSON", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`, "--reason", "why");
  await home.cli("cancel", `${id}`);
  const events = parse((await home.cli("events", "--task", `${id}`, "--after", "0")).stdout).filter(
    ({ seq, to }) => seq && to,
  );
  expect(events.map(({ from, to, cause, attempt }) => [from, to, cause, attempt])).toEqual([
    [null, "submitted", "run", null],
    ["submitted", "working", "start", 1],
    ["working", "suspended", "pause", 1],
    ["suspended", "canceled", "cancel", 1],
  ]);
  const numbers = events.map(({ seq }) => seq);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});

it("follows from the number of the last event that a reader had", async ({ home }) => {
  const first = await home.run("true");
  await home.reaches(first, "completed");
  const { events } = await home.json("show", `${first}`);
  const following = home.spawn("events", "--after", `${events.at(-1).seq}`, "-f");
  const second = await home.run("true");
  await home.reaches(second, "completed");
  await until(() => following.stdout.includes('"completed"'));
  const told = parse(following.stdout).filter(({ seq, to }) => seq && to);
  expect(told.map(({ task, to }) => [task, to])).toEqual([
    [second, "submitted"],
    [second, "working"],
    [second, "completed"],
  ]);
});

it("starts with all open tasks, even if they do not fit into one message", async ({ home }) => {
  await home.cli("daemon", "start");
  for (let n = 0; n < 2; n++)
    await home.rpc("tasks/batch", { tasks: Array.from({ length: 10 }, () => oneMebibyte) });
  const [first] = parse((await home.cli("events")).stdout);
  expect(first.snapshot.tasks.map(({ id }: { id: number }) => id)).toEqual(
    Array.from({ length: 20 }, (_, n) => n + 1),
  );
  const [one] = parse((await home.cli("events", "--task", "19")).stdout);
  expect(one.snapshot.tasks).toMatchObject([{ id: 19, held: true }]);
});
