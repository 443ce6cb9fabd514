import { getPriority } from "node:os";
import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { notes, pidOf } from "./story.ts";

const sleeper = "echo x >> notes; exec sleep 60";

it("times out an attempt with --attempt-timeout, and retries it only with --retry-on-timeout", async ({
  home,
}) => {
  const limits = ["--attempt-timeout", "200ms", "--retries", "2", "--backoff", "10ms"];
  const once = await home.run(...limits, "sh", "-c", sleeper);
  await home.reaches(once, "failed");
  expect(await home.task(once)).toMatchObject({
    attempt: 1,
    attemptTimeoutMs: 200,
    retries: 2,
    backoffMs: 10,
    error: { name: "TimedOut", data: { attemptTimeoutMs: 200 } },
  });
  const again = await home.run(...limits, "--retry-on-timeout", "sh", "-c", sleeper);
  await home.reaches(again, "failed");
  expect([(await home.task(again)).attempt, notes(home).length]).toEqual([3, 4]);
  expect((await home.cli("show", `${again}`)).stdout).toContain(
    "2 retries, back-off from 10ms; 200ms an attempt",
  );
});

it("counts the time of all attempts for --timeout", async ({ home }) => {
  const script = "sleep 0.5; exit 1";
  const id = await home.run("--timeout", "2s", "--retries", "9", "--backoff", "0ms", "sh", "-c", script);
  await home.reaches(id, "failed");
  const { attempt, error, timeoutMs } = await home.task(id);
  // No single attempt takes that long, but four of them do.
  expect([error.name, error.data, timeoutMs, attempt <= 4]).toEqual([
    "TimedOut",
    { timeoutMs: 2000 },
    2000,
    true,
  ]);
});

it("sets a program's scheduling priority with --nice, and refuses an invalid one", async ({ home }) => {
  const id = await home.run("--nice", "7", "sleep", "60");
  const pid = await pidOf(home, id);
  await until(() => getPriority(pid) === 7);
  expect((await home.task(id)).nice).toBe(7);
  expect((await home.cli("run", "--nice", "20", "true")).code).toBe(2);
});
