/** Runs short steps without end. Each attempt writes to a file when it began. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineTask } from "agentctl";

export default defineTask(async (task) => {
  writeFileSync(join(task.dir, `began-${task.attempt}`), String(performance.timeOrigin + performance.now()));
  for (;;) {
    await task.step("short", async () => {
      await sleep(5);
    });
  }
});
