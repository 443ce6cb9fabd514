/** What a daemon finds when it starts after another one. */
import { expect } from "vitest";
import { isAlive, signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";
import { moduleTask, shellTask } from "../fixtures.ts";
import { around, type Scenario } from "./scenario.ts";

export const recoveryScenarios: Record<string, Scenario> = {
  "a program that runs is adopted": {
    points: [
      "recover:before-adopt",
      "recover:before-thaw",
      "recover:after-thaw",
      "recover:before-clean",
      "recover:after-clean",
    ],
    first: [undefined],
    async play(world) {
      const id = await world.submit(shellTask(world.home, "gate; exit 4"));
      await world.began(id);
      const { pid } = await world.reach(id, ({ pid }) => pid);
      await world.kill();
      await world.up();
      expect(await world.task(id)).toMatchObject({ state: "working", attempt: 1, pid });
      world.open();
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 4, attempt: 1 });
      expect(world.count(id, "began")).toBe(1);
    },
  },

  "a program that ended meanwhile is concluded": {
    points: [
      ...around("fail"),
      "recover:before-finish",
      "finish:before-sweep",
      "finish:before-commit",
      "finish:before-forget",
      "environment:before-remove",
    ],
    first: [undefined],
    async play(world) {
      // A process that holds the output would keep the guard and the attempt alive until the next daemon asks.
      const left = "(setsid sleep 300 >/dev/null 2>&1 &)";
      const id = await world.submit(shellTask(world.home, `${left}; gate; exit 4`));
      await world.began(id);
      const { pid } = await world.reach(id, ({ pid }) => pid);
      await world.kill();
      world.open();
      await until(() => !isAlive(pid));
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 4, attempt: 1 });
    },
  },

  "an attempt that never started is started once": {
    points: ["recover:before-start", "start:before-spawn", "start:after-launch", ...around("note-attempt")],
    first: ["start:before-launch"],
    async play(world) {
      const id = await world.submit(shellTask(world.home, "sleep 0.4; exit 4"));
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 4, attempt: 1 });
      expect(world.count(id, "began")).toBe(1);
    },
  },

  "an attempt that left is ended by the next daemon": {
    points: ["recover:before-end", "recover:after-end", ...around("ask")],
    first: ["suspended:before-end"],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["ask", "Go on?"]]));
      await world.reach(id, "input-required");
      const isAnswered = ({ question }: { question: unknown }) => !question;
      await world.reach(id, isAnswered, { method: "tasks/answer", params: { text: "yes" } });
      expect((await world.reach(id, "completed")).result).toEqual(["step0", "yes"]);
    },
  },

  "a module whose process was lost resumes by itself": {
    points: [...around("suspend", "resume", "start"), "recover:before-finish"],
    first: [undefined],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["gate"], ["step"]]));
      await world.noted(id, "ran 1 gate1");
      const { pid } = await world.reach(id, ({ pid }) => pid);
      await world.kill();
      signalTo(pid, "SIGKILL");
      // A task that dies under the next daemon has failed.
      await until(() => !isAlive(pid));
      world.open();
      const task = await world.reach(id, "completed");
      expect(task).toMatchObject({
        result: ["step0", "gate1", "step2"],
        attempt: 2,
        pause: { cause: "lost" },
      });
      expect(world.count(id, "ran", "step0")).toBe(1);
    },
  },
};
