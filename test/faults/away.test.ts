/** What `--timeout` and the running time make of the time in which no process of the task ran and nobody looked. */
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

/** Submits to a daemon that dies once the start is durable, before there is a process. */
async function submitUnlaunched(home: Home, task: object): Promise<number> {
  home.env.AGENTCTL_FAULT = "start:before-launch";
  await wake(home);
  delete home.env.AGENTCTL_FAULT;
  // It may die before it has answered; it is the first task of its home.
  const id = await submit(home, task).catch(() => 1);
  await until(() => daemons(home).length === 0);
  return id;
}

it("does not run before it has a process", async ({ home }) => {
  const id = await submitUnlaunched(home, { ...shellTask(home, "gate; exit 3"), ...limits });
  await delay(AWAY_MS);
  await wake(home);
  expect((await atWork(home, id)).runMs).toBeLessThan(limits.timeoutMs);
  // The next daemon reads from the store when it began.
  await home.killDaemon();
  await wake(home);
  expect((await atWork(home, id)).runMs).toBeLessThan(limits.timeoutMs);
  open(home);
  const task = await home.reaches(id, "failed");
  expect(task).toMatchObject({ exitCode: 3, attempt: 1, error: { name: "ExitedWithError" } });
  expect(task.runMs).toBeLessThan(limits.timeoutMs);
  await check(home, { ids: [id] });
});

it("runs no longer than to the end that its guard wrote down", async ({ home }) => {
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

it("counts neither wait of one that began late and ended alone", async ({ home }) => {
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

/** The attempt began so long ago, and wrote to its log for the last time a while after that. */
function beganAgo(home: Home, id: number, agoMs: number, wroteAfterMs: number): void {
  const at = Date.now() - agoMs;
  sqlite(home, "update tasks set phase_at = ?, started_at = ? where id = ?", [at, at, id]);
  sqlite(home, "update attempts set started_at = ? where task_id = ?", [at, id]);
  sqlite(home, "update events set at = ? where task_id = ?", [at, id]);
  const wroteAt = new Date(at + wroteAfterMs);
  utimesSync(join(home.dir, "logs", `${id}`, "1.log"), wroteAt, wroteAt);
}

it("does not run while the machine is off", async ({ home }) => {
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
