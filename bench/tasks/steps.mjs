/** Runs steps of 1 KiB one after the other, behind a gate if there is one. The result is the time they took, in ms. */
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineTask } from "agentctl";

export default defineTask(async (task, { count, gate }) => {
  const value = "x".repeat(1000);
  await task.step("warm up", () => 0);
  if (gate) writeFileSync(`${gate}.${task.id}`, "");
  while (gate && !existsSync(gate)) await sleep(5);
  const now = () => performance.timeOrigin + performance.now();
  const beganAt = now();
  for (let i = 0; i < count; i++) await task.step("step", () => value);
  return { beganAt, endedAt: now() };
});
