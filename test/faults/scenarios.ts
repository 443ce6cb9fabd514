/**
 * Small stories, each of which passes the fault points that it lists. A story is told so that it comes to the same end
 * wherever its daemon dies; how it must have gone beyond what the checker holds stands in the story itself.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { FaultPoint, WriteName } from "../../src/core/faults.ts";
import { isAlive, signalTo } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { moduleTask, shellTask } from "./fixtures.ts";
import type { World } from "./world.ts";

export interface Scenario {
  points: FaultPoint[];
  /** The faults of the daemons before the one that is to die at the point; by default that is the first. */
  first?: (FaultPoint | undefined)[];
  settings?: Record<string, number>;
  play: (world: World) => Promise<void>;
}

const around = (...names: WriteName[]): FaultPoint[] =>
  names.flatMap((name): FaultPoint[] => [`${name}:before-commit`, `${name}:after-commit`]);

/** A pause that is asked for until it is there. */
const pause = (params: object = {}) => ({ method: "tasks/pause", params: { graceMs: 5_000, ...params } });
const resume = (params: object = {}) => ({ method: "tasks/resume", params });
const cancel = { method: "tasks/cancel", params: { graceMs: 1_000 } };

export const scenarios: Record<string, Scenario> = {
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
      const id = await world.submit(shellTask(world.home, "sleep 0.1; exit 3"));
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

  "a program that cannot be started is refused": {
    points: around("refuse"),
    async play(world) {
      const id = await world.submit({ argv: ["no-such-program"] });
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

  "a frozen program is started anew": {
    points: ["resume:before-end", "resume:after-end"],
    async play(world) {
      const script = "[ $AGENTCTL_ATTEMPT -gt 1 ] || while :; do sleep 0.05; done";
      const id = await world.submit(shellTask(world.home, script));
      await world.began(id);
      await world.reach(id, "suspended", pause({ mode: "freeze" }));
      expect(await world.reach(id, "completed", resume({ fromStart: true }))).toMatchObject({ attempt: 2 });
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
      // Each one is another text, so that one that was sent and not acknowledged is not taken for it.
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
      world.open();
      const waiting = await world.submit({ argv: ["true"] });
      await world.reach(ids[0] as number, "suspended");
      await world.reach(ids[1] as number, "suspended");
      expect((await world.task(waiting)).state).toBe("submitted");
      await until(
        async () => (await world.try("tasks/resume", { select: { all: true } })) && !(await queue()).heldBy,
      );
      // A pause of all that a daemon repeats for what it finds at work is the same pause.
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
      await world.up();
      const isLeft = () =>
        ["logs", "tasks"].some((folder) => existsSync(join(world.home.dir, folder, String(id))));
      await until(() => !isLeft(), { message: "the end of its files" });
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
      const id = await world.submit(shellTask(world.home, "(setsid sleep 300 &); gate; exit 4"));
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
      const id = await world.submit(shellTask(world.home, "sleep 0.1; exit 4"));
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

  "a waiting host takes a task": {
    points: ["start:before-assign", "start:after-assign"],
    settings: { hosts: 1 },
    async play(world) {
      const first = await world.submit(moduleTask(world.home, [["step"], ["gate"]]));
      await world.noted(first, "ran 1 gate1");
      const ids = [first];
      // Which of the next tasks finds the host ready depends on how long it takes to come up.
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
