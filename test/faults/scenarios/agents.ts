/** Coding agents. */
import { expect } from "vitest";
import { agentActs } from "../fixtures.ts";
import { around, pause, resume, type Scenario } from "./scenario.ts";

export const agentScenarios: Record<string, Scenario> = {
  "an agent waits for a limit, and goes on from its session once": {
    points: around("update", "suspend", "resume"),
    async play(world) {
      const acts = agentActs(world.home, "claude", [
        ["tool", 100],
        ["limit", 1_000],
        ["tool", 0],
      ]);
      const id = await world.submit(acts);
      await world.reach(id, "completed");
      expect(["tool", "limited", "prompt"].map((what) => world.count(id, what))).toEqual([2, 1, 2]);
    },
  },

  "an agent is paused between two tools, each of which runs once": {
    points: around("intend", "checkpoint"),
    async play(world) {
      const id = await world.submit(
        agentActs(world.home, "claude", [
          ["tool", 400],
          ["tool", 0],
        ]),
      );
      await world.noted(id, "tool 1 step0");
      const isThere = ({ state }: { state: string }) => ["suspended", "completed"].includes(state);
      await world.reach(id, isThere, pause({ graceMs: 60_000 }));
      await world.reach(id, "completed", resume());
      expect(world.count(id, "tool")).toBe(2);
    },
  },
};
