/** What a module does besides its steps. */
import { expect } from "vitest";
import { moduleTask } from "../fixtures.ts";
import { around, type Scenario } from "./scenario.ts";

export const waitingScenarios: Record<string, Scenario> = {
  "a question is asked and answered": {
    points: [
      ...around("question", "intend", "ask", "answer"),
      "answer:before-notify",
      "answer:after-notify",
      "suspended:before-end",
      "suspended:after-end",
    ],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["ask", "Go on?"], ["step"]]));
      await world.reach(id, ({ question, state }) => question && state === "input-required");
      const answered = ({ question, state }: { question: unknown; state: string }) =>
        !question || state === "completed";
      await world.reach(id, answered, { method: "tasks/answer", params: { text: "yes" } });
      expect((await world.reach(id, "completed")).result).toEqual(["step0", "yes", "step2"]);
      expect(world.count(id, "ran")).toBe(2);
    },
  },

  "a module sleeps without a process": {
    points: [...around("sleep"), "suspended:after-end"],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["sleep", 5_700], ["step"]]));
      expect((await world.reach(id, "completed")).result).toEqual(["step0", "step2"]);
      expect(world.count(id, "ran")).toBe(2);
    },
  },

  "a message is delivered once": {
    points: around("send", "messages"),
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["gate"], ["messages"], ["step"]]));
      // Each try sends another text, so that we can tell an acknowledged message from one that was only sent.
      let acknowledged = "";
      for (let n = 0; acknowledged === ""; n++) {
        if (await world.call("tasks/send", { id, text: `text ${n}` })) acknowledged = `text ${n}`;
      }
      world.open();
      const got = (await world.reach(id, "completed")).result[1] as string[];
      expect(got.filter((text) => text === acknowledged)).toHaveLength(1);
      expect(new Set(got).size).toBe(got.length);
    },
  },

  "an artifact is kept": {
    points: [...around("artifact"), "artifact:before-rename", "artifact:after-rename"],
    async play(world) {
      const id = await world.submit(moduleTask(world.home, [["step"], ["artifact", "report"], ["step"]]));
      await world.reach(id, "completed");
      const { artifacts } = await world.ask("artifacts/list", { id });
      expect(artifacts).toMatchObject([{ name: "report", size: 4 }]);
    },
  },
};
