/** Queues, deletion, backups, the daemon itself. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { until } from "../../harness/until.ts";
import { moduleTask, shellTask } from "../fixtures.ts";
import { around, resume, type Scenario } from "./scenario.ts";

export const serviceScenarios: Record<string, Scenario> = {
  "queues are made, held, released and removed": {
    points: around("set-queue", "hold-queue", "remove-queue"),
    async play(world) {
      await world.ask("queues/set", { name: "night", slots: 1 });
      await world.ask("queues/hold", { name: "night" });
      const id = await world.submit({ argv: ["true"], queue: "night" });
      expect((await world.task(id)).state).toBe("submitted");
      await world.ask("queues/release", { name: "night" });
      await world.reach(id, "completed");
      const isGone = async () =>
        !(await world.ask("queues/list")).queues.some((each: { name: string }) => each.name === "night");
      await until(async () => {
        await world.try("queues/remove", { name: "night" });
        return await isGone();
      });
    },
  },

  "everything is paused with its queues, and resumed": {
    points: around("intend", "release-queues"),
    async play(world) {
      const ids = [
        await world.submit(shellTask(world.home, "gate; exit 6")),
        await world.submit(moduleTask(world.home, [["step"], ["gate"], ["step"]])),
      ];
      await world.noted(ids[1] as number, "ran 1 gate1");
      await world.began(ids[0] as number);
      const queue = async () => (await world.ask("queues/list")).queues[0];
      const request = { select: { all: true }, graceMs: 5_000, wait: false };
      await until(async () => (await world.try("tasks/pause", request)) && (await queue()).heldBy);
      const waiting = await world.submit({ argv: ["true"] });
      // A task that passes the gate before it is frozen would end, so wait until it is suspended.
      await world.reach(ids[0] as number, "suspended");
      world.open();
      await world.reach(ids[1] as number, "suspended");
      expect((await world.task(waiting)).state).toBe("submitted");
      await until(
        async () => (await world.try("tasks/resume", { select: { all: true } })) && !(await queue()).heldBy,
      );
      // If a daemon repeats a pause of all for tasks that still run, it is the same pause.
      await world.reach(ids[0] as number, "failed", resume());
      await world.reach(ids[1] as number, "completed", resume());
      await world.reach(waiting, "completed");
    },
  },

  "an ended task is deleted with its files": {
    points: [...around("delete"), "delete:before-files", "delete:after-files"],
    async play(world) {
      const id = await world.submit(shellTask(world.home, "echo done"));
      await world.reach(id, "completed");
      world.deleted.add(id);
      await until(async () => {
        await world.try("tasks/delete", { id });
        return (await world.ask("tasks/list")).tasks.length === 0;
      });
      const isLeft = () =>
        ["logs", "tasks"].some((folder) => existsSync(join(world.home.dir, folder, String(id))));
      const isGone = async () => {
        await world.up();
        return !isLeft();
      };
      await until(isGone, { message: "the end of its files" });
    },
  },

  "a stop pauses everything and the next daemon resumes it": {
    points: ["stop:before-pause", "stop:after-pause"],
    async play(world) {
      const program = await world.submit(shellTask(world.home, "gate; exit 8"));
      const module = await world.submit(moduleTask(world.home, [["step"], ["gate", "other"], ["step"]]));
      await world.noted(module, "ran 1 gate1");
      await world.began(program);
      world.open("other");
      await world.stop({ graceMs: 5_000 });
      await world.up();
      world.open();
      expect(await world.reach(program, "failed")).toMatchObject({ exitCode: 8, attempt: 1 });
      expect((await world.reach(module, "completed")).result).toEqual(["step0", "gate1", "step2"]);
      expect(world.count(module, "ran")).toBe(3);
    },
  },

  "a planned run is made at most once": {
    points: around("schedule"),
    async play(world) {
      const [name, cron, file] = ["each", "* * * * * *", world.home.file("runs")];
      const task = { argv: ["sh", "-c", `echo $AGENTCTL_TASK_ID >> ${file}`], cwd: world.home.work };
      await until(async () => {
        await world.try("schedules/add", { name, cron, tz: "UTC", task });
        return (await world.ask("schedules/list")).schedules.length === 1;
      });
      const runs = async () => (await world.ask("tasks/list", { labels: { schedule: name } })).tasks;
      await until(async () => (await runs()).length >= 2);
      await until(async () => {
        await world.try("schedules/remove", { name });
        return (await world.ask("schedules/list")).schedules.length === 0;
      });
      for (const { id } of await runs()) await world.reach(id, "completed");
      const seconds = (await runs()).map(({ createdAt }: { createdAt: string }) => createdAt.slice(0, 19));
      expect(seconds).toEqual([...new Set(seconds)]);
    },
  },

  "a hook is told of every end": {
    points: around("hooks", "deliveries", "delivered"),
    settings: { hooks: [{ on: "completed", run: ["sh", "-c", 'cat >> "$HOME/told"'] }] },
    async play(world) {
      const ids = [await world.submit({ argv: ["true"] }), await world.submit({ argv: ["true"] })];
      for (const id of ids) await world.reach(id, "completed");
      const told = () => {
        const file = world.home.file("told");
        const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
        return lines.map((line) => JSON.parse(line).event.task);
      };
      await until(async () => {
        await world.up();
        const [hook] = (await world.ask("hooks/list")).hooks;
        return hook.waiting === 0 && ids.every((id) => told().includes(id));
      });
    },
  },

  "backups are made and rotated": {
    points: ["backup:before", "backup:after", "backup:after-rotation"],
    settings: { backupEveryMs: 80 },
    async play(world) {
      const id = await world.submit(shellTask(world.home, "sleep 0.4; exit 2"));
      expect(await world.reach(id, "failed")).toMatchObject({ exitCode: 2, attempt: 1 });
      await until(async () => {
        await world.up();
        return world.daemons > 1;
      });
    },
  },
};
