/** A task that moves to another home, here the same home, so that the daemon that dies does all phases. */
import { expect } from "vitest";
import { moduleTask } from "../fixtures.ts";
import type { World } from "../world.ts";
import { around, pause, type Scenario } from "./scenario.ts";

const MOVE = "walk";

export const movingScenarios: Record<string, Scenario> = {
  "a task moves, and is in one home": {
    points: [
      ...around("import"),
      "move:before-hold",
      "move:after-hold",
      "import:before-files",
      "import:after-files",
      "move:before-tombstone",
      "move:after-tombstone",
      "import:before-release",
      "import:after-release",
    ],
    async play(world) {
      const does = moduleTask(world.home, [["step"], ["artifact", "report"], ["gate"], ["step"]]);
      const id = await world.submit(does);
      await world.noted(id, "acked");
      const kept = async () => (await world.ask("artifacts/list", { id })).artifacts.length === 1;
      while (!(await kept()));
      await world.reach(id, "suspended", pause({ graceMs: 0 }));
      const as = await sent(world, id);
      await world.ask("tasks/moved", { id, move: MOVE, to: "here", as });
      world.open();
      await world.ask("tasks/moving", { move: MOVE, arrive: { goesOn: true } });
      expect((await world.reach(as, "completed")).result).toEqual(["step0", "gate2", "step3"]);
      expect(world.count(id, "ran", "step0")).toBe(1);
      expect([world.count(as, "ran", "step0"), world.count(as, "ran", "step3")]).toEqual([0, 1]);
      expect((await world.task(id)).state).toBe("canceled");
      expect((await world.ask("artifacts/read", { id: as, name: "report" })).size).toBe(4);
    },
  },
};

/** Does what `agentctl move` does until the task has arrived. Returns its new id. */
async function sent(world: World, id: number): Promise<number> {
  for (;;) {
    const { task } = await world.ask("tasks/moving", { move: MOVE });
    const as = task?.id ?? (await tried(world, id));
    if (as !== undefined) {
      world.ids.add(as);
      return as;
    }
  }
}

async function tried(world: World, id: number): Promise<number | undefined> {
  const move = { id: MOVE, to: "here", goesOn: true };
  const exported = await world.call("tasks/export", { id, move });
  const where = { bundle: exported?.bundle, offset: 0, length: 4_000_000 };
  const piece = exported && (await world.call("bundles/read", where));
  const written = piece && (await world.call("bundles/write", { offset: 0, data: piece.data }));
  const imported = written && (await world.call("tasks/import", { bundle: written.bundle }));
  return imported?.task.id;
}
