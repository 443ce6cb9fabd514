/** How `--timeout` and the running time count the time in which no process of the task ran and no daemon watched. */
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { type Home, it, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { shellTask } from "./fixtures.ts";
import { atWork, daemons, noted, open, reboot, submit, wake } from "./stories.ts";

const HOUR_MS = 3_600_000;
const AWAY_MS = 8000;
const limits = { timeoutMs: 7000 };

/** Submits a task to a daemon that dies when the start is durable, before there is a process. Returns the task's id. */
async function submitUnlaunched(home: Home, task: object): Promise<number> {
  home.env.AGENTCTL_FAULT = "start:before-launch";
  await wake(home);
  delete home.env.AGENTCTL_FAULT;
  // The daemon may die before it responds. The task is the first of its home, so its id is 1.
  const id = await submit(home, task).catch(() => 1);
  await until(() => daemons(home).length === 0);
  return id;
}

it("the running time does not count before there is a process", async ({ home }) => {
  const id = await submitUnlaunched(home, { ...shellTask(home, "gate; exit 3"), ...limits });
  await delay(AWAY_MS);
  await wake(home);
  expect((await atWork(home, id)).runMs).toBeLessThan(limits.timeoutMs);
  // The next daemon reads the start time from the store.
  await home.killDaemon();
  await wake(home);
  expect((await atWork(home, id)).runMs).toBeLessThan(limits.timeoutMs);
  open(home);
  const task = await home.reaches(id, "failed");
  expect(task).toMatchObject({ exitCode: 3, attempt: 1, error: { name: "ExitedWithError" } });
  expect(task.runMs).toBeLessThan(limits.timeoutMs);
  await check(home, { ids: [id] });
});

it("the running time counts only to the end that the guard recorded", async ({ home }) => {
  const script = `[ $AGENTCTL_ATTEMPT -gt 1 ] || { gate; note over; exit 1; }; sleep 0.5; exit 3`;
  const id = await submit(home, { ...shellTask(home, script), ...limits, retries: 1, backoffMs: 50 });
  await atWork(home, id);
  await home.killDaemon();
  open(home);
  await noted(home, id, "over");
  await delay(AWAY_MS);
  await wake(home);
  const task = await home.reaches(id, "failed");
  expect(task).toMatchObject({ exitCode: 3, attempt: 2, error: { name: "ExitedWithError" } });
  expect(task.runMs).toBeLessThan(limits.timeoutMs);
  await check(home, { ids: [id] });
});

it("the running time counts neither the wait before a late start nor that after an unseen end", async ({
  home,
}) => {
  const script = `[ $AGENTCTL_ATTEMPT -gt 1 ] || { gate; note over; exit 1; }; sleep 0.5; exit 3`;
  const task = { ...shellTask(home, script), ...limits, retries: 1, backoffMs: 50 };
  const id = await submitUnlaunched(home, task);
  await delay(AWAY_MS);
  await wake(home);
  await atWork(home, id);
  await home.killDaemon();
  open(home);
  await noted(home, id, "over");
  await delay(AWAY_MS);
  await wake(home);
  expect(await home.reaches(id, "failed")).toMatchObject({
    exitCode: 3,
    attempt: 2,
    error: { name: "ExitedWithError" },
  });
  await check(home, { ids: [id] });
});

/** Makes the attempt have begun `agoMs` ago, with its last write to the log `wroteAfterMs` after that. */
function beganAgo(home: Home, id: number, agoMs: number, wroteAfterMs: number): void {
  const at = Date.now() - agoMs;
  sqlite(home, "update tasks set phase_at = ?, started_at = ? where id = ?", [at, at, id]);
  sqlite(home, "update attempts set started_at = ? where task_id = ?", [at, id]);
  sqlite(home, "update events set at = ? where task_id = ?", [at, id]);
  const wroteAt = new Date(at + wroteAfterMs);
  utimesSync(join(home.dir, "logs", `${id}`, "1.log"), wroteAt, wroteAt);
}

it("the running time does not count while the machine is off", async ({ home }) => {
  const script = "[ $AGENTCTL_ATTEMPT -gt 1 ] || { echo on; gate; }; gate; sleep 0.5; exit 3";
  const again = { pauseMode: "checkpoint", timeoutMs: HOUR_MS };
  const id = await submit(home, { ...shellTask(home, script), ...again });
  await atWork(home, id);
  await reboot(home);
  beganAgo(home, id, 10 * HOUR_MS, HOUR_MS / 4);
  open(home);
  await wake(home);
  const task = await home.reaches(id, "failed");
  expect(task).toMatchObject({ exitCode: 3, attempt: 2, error: { name: "ExitedWithError" } });
  expect(Math.round((4 * task.runMs) / HOUR_MS)).toBe(1);
  await check(home, { ids: [id] });
});
