/** Saves a value of so many bytes a few times; the result is the ms that one save took, of each. */
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
