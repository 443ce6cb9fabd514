/** Pausing and resuming. */
import { expect } from "vitest";
import { until } from "../../harness/until.ts";
import { moduleTask, shellTask } from "../fixtures.ts";
import { around, pause, resume, type Scenario } from "./scenario.ts";

export const pauseScenarios: Record<string, Scenario> = {
  "a module is paused by checkpoint and resumed": {
    points: [
      ...around("intend", "checkpoint", "suspend", "resume"),
      "pause:after-request",
      "pause:before-ask",
      "pause:after-ask",
      "suspended:before-end",
      "suspended:after-end",
    ],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["gate"], ["step"]]));
      await world.noted(id, "ran 1 gate1");
      await world.ask("tasks/pause", { id, graceMs: 5_000, wait: false });
      world.open();
      await world.reach(id, "suspended");
      const task = await world.reach(id, "completed", resume());
      expect(task.result).toEqual(["step0", "gate1", "step2"]);
      expect(world.count(id, "ran")).toBe(3);
    },
  },

  "a program saves checkpoints, is paused and goes on from the last": {
    points: [...around("checkpoint", "suspend", "resume"), "pause:after-ask"],
    async play(world) {
      const script = `
        n=$(cat "$AGENTCTL_CHECKPOINT" 2>/dev/null || echo 0)
        trap 'exit 75' TERM
        while [ $n -lt 3 ]; do
          n=$((n + 1)); echo $n | agentctl checkpoint save && note saved $n
          [ $n -ne 2 ] || [ $AGENTCTL_ATTEMPT -gt 1 ] || gate
        done`;
      const id = await world.submit(shellTask(world.home, script));
      await world.noted(id, "saved 1 2");
      await world.reach(id, "suspended", pause());
      world.open();
      expect((await world.reach(id, "completed", resume())).checkpoint).toMatchObject({ seq: 3 });
      expect(world.count(id, "saved", "1")).toBe(1);
    },
  },

  "a task suspends itself in a step, whose session it goes on with": {
    points: [...around("keep", "intend", "suspend", "resume"), "suspended:before-end"],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["session"]]));
      expect((await world.reach(id, "completed")).result).toEqual(["step0", "s1"]);
    },
  },

  "a pause kills what does not listen": {
    points: ["pause:before-kill", "pause:after-kill"],
    async play(world) {
      const deaf = "trap '' TERM; [ $AGENTCTL_ATTEMPT -gt 1 ] || while :; do sleep 0.05; done";
      const id = await world.submit({ ...shellTask(world.home, deaf), pauseMode: "checkpoint" });
      await world.began(id);
      const task = await world.reach(id, "suspended", pause({ graceMs: 100 }));
      expect(task.pause.outcome).toBe("forced");
      expect(await world.reach(id, "completed", resume())).toMatchObject({ attempt: 2 });
    },
  },

  "a program is frozen and goes on where it stood": {
    points: [
      ...around("intend", "suspend", "resume", "start"),
      "pause:before-freeze",
      "pause:after-freeze",
      "thaw:before-continue",
      "thaw:after-continue",
    ],
    async play(world) {
      const id = await world.submit(shellTask(world.home, "gate; exit 4"));
      await world.began(id);
      const frozen = await world.reach(id, "suspended", pause({ mode: "freeze" }));
      expect(frozen.pause.outcome).toBe("frozen");
      world.open();
      expect(await world.reach(id, "failed", resume())).toMatchObject({ exitCode: 4, attempt: 1 });
      expect(world.count(id, "began")).toBe(1);
    },
  },

  "a frozen program is pressed for its checkpoint": {
    points: [...around("update"), "pause:before-thaw", "pause:after-thaw"],
    async play(world) {
      const script = "trap 'exit 75' TERM; [ $AGENTCTL_ATTEMPT -gt 1 ] || while :; do sleep 0.05; done";
      const id = await world.submit({ ...shellTask(world.home, script), pauseMode: "checkpoint" });
      await world.began(id);
      await world.reach(id, "suspended", pause({ mode: "freeze" }));
      const ended = (task: { pid: number | null; state: string }) =>
        task.pid === null && task.state === "suspended";
      await world.reach(id, ended, pause({ mode: "checkpoint" }));
      expect(await world.reach(id, "completed", resume())).toMatchObject({ attempt: 2 });
    },
  },

  "a frozen program starts again": {
    points: ["resume:before-end", "resume:after-end"],
    async play(world) {
      const script = "[ $AGENTCTL_ATTEMPT -gt 1 ] || while :; do sleep 0.05; done";
      const id = await world.submit(shellTask(world.home, script));
      await world.began(id);
      await world.reach(id, "suspended", pause({ mode: "freeze" }));
      expect(await world.reach(id, "completed", resume({ fromStart: true }))).toMatchObject({ attempt: 2 });
    },
  },

  "a resume is taken back": {
    points: around("unresume"),
    async play(world) {
      await world.ask("queues/set", { name: "one", slots: 1 });
      const id = await world.submit({ ...shellTask(world.home, "gate"), queue: "one" });
      await world.began(id);
      await world.reach(id, "suspended", pause({ mode: "freeze" }));
      await world.ask("queues/hold", { name: "one" });
      await world.reach(id, "resumed", resume());
      await world.reach(id, "suspended", pause());
      await world.ask("queues/release", { name: "one" });
      expect((await world.task(id)).state).toBe("suspended");
      world.open();
      expect(await world.reach(id, "completed", resume())).toMatchObject({ attempt: 1 });
    },
  },

  "a pause has its beginning and its end planned": {
    points: around("update", "intend", "resume"),
    async play(world) {
      const id = await world.submit(shellTask(world.home, "gate; exit 5"));
      await world.began(id);
      const at = new Date(Date.now() + 100).toISOString();
      const later = new Date(Date.now() + 700).toISOString();
      await world.ask("tasks/pause", { id, at, until: later, mode: "freeze" });
      await until(async () => {
        const { events } = (await world.ask("tasks/get", { id, details: true })).task;
        return events.some((event: { to: string }) => event.to === "suspended");
      });
      world.open();
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 5, attempt: 1 });
    },
  },
};
