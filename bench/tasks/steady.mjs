/** Runs short steps without end. Writes to a file when the last of them was durable. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineTask } from "agentctl";

export default defineTask(async (task) => {
  for (;;) {
    await task.step("short", async () => {
      await sleep(5);
    });
    writeFileSync(join(task.dir, "last"), String(performance.timeOrigin + performance.now()));
  }
});
