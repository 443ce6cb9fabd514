/** Saves a value of `bytes` bytes `count` times. The result is a list of the times that the saves took, in ms. */
import { defineTask } from "agentctl";

export default defineTask(async (task, { bytes, count }) => {
  const value = "x".repeat(bytes);
  void task.checkpoint;
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await task.save(value);
    times.push(performance.now() - began);
  }
  return times;
});
