import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { meanwhile, oneSlot } from "./story.ts";

it("runs as many tasks of a queue at a time as the queue has slots", async ({ home }) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sleep", "60");
  const second = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(first, "working");
  await meanwhile(home);
  expect(await home.task(second)).toMatchObject({ state: "submitted", waiting: { for: "slot" } });
  await home.cli("queue", "set", queue, "--slots", "2");
  await home.reaches(second, "working");
});

it("starts and stops nothing in a held queue", async ({ home }) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(first, "working");
  await home.cli("queue", "hold", queue);
  const second = await home.run("--queue", queue, "true");
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await meanwhile(home);
  expect(await home.task(second)).toMatchObject({ state: "submitted", waiting: { for: "queue", on: queue } });
  await home.cli("queue", "release", queue);
  await home.reaches(second, "completed");
});

it("suggests the command that creates a missing queue", async ({ home }) => {
  const { code, stderr } = await home.cli("run", "--queue", "nightly", "true");
  expect(code).toBe(3);
  expect(stderr).toContain("agentctl queue set nightly --slots");
});

it("refuses tasks beyond queue.maxOpen, and a batch as a whole, until a task ends", async ({ home }) => {
  const queue = await oneSlot(home);
  expect((await home.cli("config", "set", "queue.maxOpen", "3")).code).toBe(0);
  const first = await home.run("--queue", queue, "--key", "one", "sleep", "100");
  await home.run("--queue", queue, "sleep", "100");
  const line = `${JSON.stringify({ argv: ["true"], queue })}\n`;
  const batch = await home.cli("batch", "-", { input: line.repeat(2) });
  expect(batch).toMatchObject({ code: 4, stdout: "" });
  expect(batch.stderr).toContain(`queue ${queue} is full: it holds 3 open tasks`);
  expect(batch.stderr).toContain("agentctl config set queue.maxOpen");
  await home.run("--queue", queue, "sleep", "100");
  const { code, stdout } = await home.cli("run", "--queue", queue, "--json", "true");
  expect({ code, error: JSON.parse(stdout).error }).toMatchObject({
    code: 4,
    error: { name: "QueueFull", code: -32024, data: { queue, limit: 3 } },
  });
  // A known key returns its existing task, and other queues are not limited.
  expect(await home.run("--queue", queue, "--key", "one", "sleep", "100")).toBe(first);
  await home.run("true");
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await until(async () => (await home.cli("run", "--queue", queue, "true")).code === 0);
});
