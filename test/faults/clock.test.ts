/** Somebody sets the wall clock while no daemon runs. For the next daemon, all times in the store have moved. */
import { expect } from "vitest";
import { type Home, it, sqlite } from "../harness/index.ts";
import { check } from "./checker.ts";
import { shellTask } from "./fixtures.ts";
import { atWork, submit, wake } from "./stories.ts";

const HOUR_MS = 3_600_000;

/** Moves the start times of the tasks' phases, as if somebody had set the clock ahead by `aheadMs`. */
async function setClock(home: Home, aheadMs: number): Promise<void> {
  await home.killDaemon();
  sqlite(home, "update tasks set phase_at = phase_at - ?", [aheadMs]);
  await wake(home);
}

it.for([HOUR_MS, -HOUR_MS])(
  "a clock set by %s ms counts neither for --timeout nor as running time",
  async (aheadMs, { home }) => {
    const limits = { timeoutMs: HOUR_MS / 2 };
    const fresh = await submit(home, { ...shellTask(home, "exec sleep 300"), ...limits });
    const thawed = await submit(home, { ...shellTask(home, "exec sleep 300"), ...limits });
    for (const id of [fresh, thawed]) await atWork(home, id);
    await home.rpc("tasks/pause", { id: thawed, mode: "freeze" });
    await home.cli("resume", `${thawed}`, "--wait");
    const before = await Promise.all([fresh, thawed].map((id) => home.task(id)));
    await setClock(home, aheadMs);
    for (const { id, runMs } of before) {
      const task = await home.task(id);
      expect(task).toMatchObject({ state: "working", attempt: 1 });
      expect([task.runMs >= runMs, task.runMs < runMs + 20_000]).toEqual([true, true]);
    }
    await check(home, { ids: [fresh, thawed] });
  },
);
