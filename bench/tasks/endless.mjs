/** Short steps without end; each attempt says by a file when it came to its first. */
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
