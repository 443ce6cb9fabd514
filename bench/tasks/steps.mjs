/** So many steps of 1 KiB one after the other; the result says how long they took, in ms. */
import { defineTask } from "agentctl";

export default defineTask(async (task, { count }) => {
  const value = "x".repeat(1000);
  await task.step("warm up", () => 0);
  const now = () => performance.timeOrigin + performance.now();
  const beganAt = now();
  for (let i = 0; i < count; i++) await task.step("step", () => value);
  return { beganAt, endedAt: now() };
});
