/** How tasks begin and end. */
import { expect } from "vitest";
import { until } from "../../harness/until.ts";
import { type Does, moduleTask, shellTask } from "../fixtures.ts";
import { around, cancel, type Scenario } from "./scenario.ts";

export const workScenarios: Record<string, Scenario> = {
  "a program ends with its own exit code": {
    points: [
      ...around("create", "start", "fail", "note-attempt", "set-queue"),
      "environment:before-write",
      "environment:after-write",
      "environment:before-remove",
      "environment:after-remove",
      "start:before-launch",
      "start:before-spawn",
      "start:after-launch",
      "finish:before-sweep",
      "finish:before-commit",
      "finish:before-forget",
      "finish:after-forget",
      "migrate:before-commit",
      "migrate:after-commit",
    ],
    async play(world) {
      const id = await world.submit(shellTask(world.home, "sleep 0.4; exit 3"));
      const task = await world.reach(id, "failed");
      expect(task).toMatchObject({ exitCode: 3, attempt: 1 });
      expect(world.count(id, "began")).toBe(1);
    },
  },

  "a module completes, each step run once": {
    points: around("update", "step", "result", "complete"),
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step", 30], ["step", 30], ["step"]]));
      const task = await world.reach(id, "completed");
      expect(task).toMatchObject({ result: ["step0", "step1", "step2"], attempt: 1 });
      expect(world.count(id, "ran")).toBe(3);
    },
  },

  "a module's brief steps are made durable by its host": {
    points: around("steps"),
    async play(world) {
      const names = Array.from({ length: 60 }, (_, n) => `step${n}`);
      const steps: Does = names.map(() => ["step"]);
      const id = await world.submit(moduleTask(world.home, steps));
      expect(await world.reach(id, "completed")).toMatchObject({ result: names, attempt: 1 });
      expect(world.count(id, "ran")).toBe(60);
    },
  },

  "a program that cannot be started is refused": {
    points: around("refuse"),
    async play(world) {
      const id = await world.submit({ argv: ["no-such-program"], acceptMissing: true });
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 127, startedAt: null });
    },
  },

  "a failure is retried": {
    points: around("retry", "update"),
    async play(world) {
      const fails = shellTask(world.home, '[ "$AGENTCTL_ATTEMPT" = 2 ] || exit 9');
      const id = await world.submit({ ...fails, retries: 1, backoffMs: 50 });
      expect(await world.reach(id, "completed")).toMatchObject({ attempt: 2, exitCode: 0 });
      expect(world.count(id, "began")).toBe(2);
    },
  },

  "a cancel ends a tree": {
    points: [...around("intend", "cancel"), "cancel:after-request", "cancel:before-end", "cancel:after-end"],
    async play(world) {
      const script = "setsid sleep 300 & setsid sh -c 'trap \"\" TERM; sleep 300; sleep 300' & note on; wait";
      const id = await world.submit(shellTask(world.home, script));
      await world.noted(id, "on 1 ");
      await world.reach(id, "canceled", { method: "tasks/cancel", params: { graceMs: 100 } });
      const waiting = await world.submit({ argv: ["true"], held: true });
      await world.reach(waiting, "canceled", cancel);
    },
  },

  "a time limit ends a task": {
    points: [...around("fail"), "cancel:before-end", "cancel:after-end"],
    async play(world) {
      const id = await world.submit({ ...shellTask(world.home, "exec sleep 300"), timeoutMs: 200 });
      expect(await world.reach(id, "failed")).toMatchObject({ error: { name: "TimedOut" }, attempt: 1 });
    },
  },

  "a waiting host takes a task": {
    points: ["start:before-assign", "start:after-assign"],
    settings: { hosts: 1 },
    async play(world) {
      const first = await world.submit(moduleTask(world.home, [["step"], ["gate"]]));
      await world.noted(first, "ran 1 gate1");
      const ids = [first];
      // Which of the next tasks finds the host ready depends on how long the host takes to start.
      await until(
        async () => {
          const id = await world.submit(moduleTask(world.home, [["step"]]));
          ids.push(id);
          await world.reach(id, "completed");
          expect(world.count(id, "ran")).toBe(1);
          return world.daemons > 1 || ids.length > 12;
        },
        { everyMs: 100, deadlineMs: 20_000 },
      );
      world.open();
      await world.reach(first, "completed");
    },
  },
};
