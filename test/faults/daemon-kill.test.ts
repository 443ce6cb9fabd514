import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type Home, isAlive, it, processes, signalTo, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { type Does, moduleTask, shellTask } from "./fixtures.ts";
import { bearers } from "./processes-of-tasks.ts";
import { atWork, count, daemons, noted, open, submit, wake } from "./stories.ts";

const log = (home: Home, id: number, attempt = 1) =>
  readFileSync(join(home.dir, "logs", String(id), `${attempt}.log`), "utf8");

const replacements = {
  "the daemon is killed and the next command starts another": async (home: Home) => {
    await home.killDaemon();
    await wake(home);
  },
  "daemon restart replaces the daemon": async (home: Home) => {
    const before = await home.daemonPid();
    expect((await home.cli("daemon", "restart")).code).toBe(0);
    expect(await home.daemonPid()).not.toBe(before);
  },
};

describe.each(Object.entries(replacements))("%s", (_, replace) => {
  it("a program keeps its pid, its attempt and all of its output", async ({ home }) => {
    const script = 'n=0; until [ -e "$0" ]; do n=$((n + 1)); echo $n; sleep 0.02; done; echo last $n; exit 5';
    const id = await submit(home, { argv: ["sh", "-c", script, home.file("gate")] });
    const { pid } = await atWork(home, id);
    for (let round = 0; round < 3; round++) {
      await replace(home);
      expect(await home.task(id)).toMatchObject({ state: "working", pid, attempt: 1 });
    }
    open(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 5, attempt: 1 });
    const lines = log(home, id).trimEnd().split("\n");
    const last = Number(lines.pop()?.replace("last ", ""));
    expect(lines).toEqual(Array.from({ length: last }, (__, i) => String(i + 1)));
    await check(home, { ids: [id] });
  });

  it("a module reconnects, repeats no step and loses none", async ({ home }) => {
    const id = await submit(home, moduleTask(home, [...Array(10).fill(["step", 60]), ["gate"], ["step"]]));
    for (const step of ["step1", "step4", "step7"]) {
      await noted(home, id, "ran", step);
      await replace(home);
    }
    open(home);
    const { result, attempt } = await home.reaches(id, "completed");
    expect([result.length, attempt, count(home, id, "ran")]).toEqual([12, 1, 12]);
    await check(home, { ids: [id] });
  });

  it("a requested pause of a module is not lost", async ({ home }) => {
    const id = await submit(home, moduleTask(home, [["gate"], ["step"]]));
    await noted(home, id, "ran", "gate0");
    await home.rpc("tasks/pause", { id, wait: false, graceMs: 20_000 });
    await replace(home);
    open(home);
    expect(await home.reaches(id, "suspended")).toMatchObject({
      pause: { outcome: "cooperative", cause: "user" },
    });
    expect((await home.cli("resume", `${id}`)).code).toBe(0);
    await home.reaches(id, "completed");
    expect(count(home, id, "ran")).toBe(2);
    await check(home, { ids: [id] });
  });
});

describe("a task that ended while no daemon ran", () => {
  it("has its own exit code and its own end time", async ({ home }) => {
    const script = "gate; note ended $(date +%s%3N); exit 41";
    const id = await submit(home, shellTask(home, script));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    open(home);
    await until(() => !isAlive(pid));
    // Long enough that the time of the next start differs from that of the end.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await wake(home);
    const task = await home.reaches(id, "failed");
    expect(task).toMatchObject({ exitCode: 41, signal: null, attempt: 1, pausedMs: 0 });
    const { attempts } = (await home.rpc("tasks/get", { id, details: true })).task;
    const [note] =
      readFileSync(join(home.file("witness"), String(id)), "utf8").match(/(?<=ended 1 )\d+/) ?? [];
    expect(Math.abs(Date.parse(attempts[0].endedAt) - Number(note))).toBeLessThan(1_400);
    expect(task.endedAt).toBe(attempts[0].endedAt);
    const lasted = Date.parse(task.endedAt) - Date.parse(task.startedAt);
    expect(Math.abs(task.runMs - lasted)).toBeLessThan(1_400);
    await check(home, { ids: [id] });
  });

  it("has the signal that ended it", async ({ home }) => {
    const id = await submit(home, shellTask(home, "gate; kill -ABRT $$"));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    open(home);
    await until(() => !isAlive(pid));
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 134, signal: "SIGABRT", attempt: 1 });
    await check(home, { ids: [id] });
  });

  it.for(["SIGTERM", "SIGHUP", "SIGKILL"] as const)("is lost if %s ended it", async (signal, { home }) => {
    const id = await submit(home, shellTask(home, "exec sleep 300"));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    signalTo(pid, signal);
    await until(() => !isAlive(pid));
    await wake(home);
    expect(await home.reaches(id, "suspended")).toMatchObject({ pause: { cause: "lost" }, attempt: 1 });
    await check(home, { ids: [id] });
  });

  it("is lost if a signal ended it and a child keeps its output open", async ({ home }) => {
    // The guard reports the end only on request, so there is no record of it when the daemon starts.
    const id = await submit(home, shellTask(home, "setsid sleep 300 & exec sleep 300"));
    const { pid } = await atWork(home, id);
    await until(() => bearers(home).length > 1);
    await home.killDaemon();
    signalTo(pid, "SIGTERM");
    await until(() => !isAlive(pid));
    await wake(home);
    const { pause, error } = await home.reaches(id, "suspended");
    expect(pause.cause).toBe("lost");
    expect(error.message).toBe("the process was ended by SIGTERM while the daemon was away");
    await check(home, { ids: [id] });
  });

  it("completes if it is a module with a durable result", async ({ home }) => {
    home.env.AGENTCTL_FAULT = "complete:before-commit";
    const id = await submit(home, moduleTask(home, [["step"]]));
    await until(() => daemons(home).length === 0);
    delete home.env.AGENTCTL_FAULT;
    await wake(home);
    expect(await home.reaches(id, "completed")).toMatchObject({ result: ["step0"], attempt: 1 });
    await check(home, { ids: [id] });
  });

  it("leaves nothing of its tree behind", async ({ home }) => {
    const id = await submit(home, shellTask(home, "setsid sleep 300 & gate; exit 3"));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    open(home);
    await until(() => !isAlive(pid));
    expect(bearers(home).length).toBeGreaterThan(0);
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 3 });
    await check(home, { ids: [id] });
  });
});

describe("while no daemon runs", () => {
  it("a checkpoint that a program saves waits for the next daemon", async ({ home }) => {
    const script = "gate; note saving; echo 7 | agentctl checkpoint save; note saved 7; exit 2";
    const id = await submit(home, shellTask(home, script));
    await atWork(home, id);
    await home.killDaemon();
    open(home);
    await noted(home, id, "saving");
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 2, checkpoint: { seq: 1 } });
    await check(home, { ids: [id] });
  });

  it("a frozen program that is killed leaves no guard behind", async ({ home }) => {
    const id = await submit(home, shellTask(home, "exec sleep 300"));
    const { pid } = await atWork(home, id);
    await home.rpc("tasks/pause", { id, mode: "freeze" });
    await home.killDaemon();
    signalTo(pid, "SIGKILL");
    await until(() => !isAlive(pid));
    await wake(home);
    await until(async () => (await home.task(id)).pause.cause === "lost");
    await until(() => processes(home.root).length === 1, { message: "the daemon alone" });
    await check(home, { ids: [id] });
  });

  it("a program whose guard is killed too continues, and is adopted", async ({ home }) => {
    const id = await submit(home, shellTask(home, "gate; exit 3"));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    const guard = processes(home.root).find(
      ({ command, pid: it }) => it !== pid && command.includes("agentctl-guard"),
    );
    signalTo(guard?.pid as number, "SIGKILL");
    await until(() => !isAlive(guard?.pid as number));
    await wake(home);
    expect(await home.task(id)).toMatchObject({ state: "working", pid, attempt: 1 });
    await check(home, { ids: [id] });
    open(home);
    // No process is left that knows its exit code.
    expect(await home.reaches(id, "suspended")).toMatchObject({ pause: { cause: "lost" } });
    await check(home, { ids: [id] });
  });
});

describe("after five deaths of the daemon", () => {
  it("the tasks that a user paused or canceled stay so", async ({ home }) => {
    const frozen = await submit(home, shellTask(home, "gate; exit 3"));
    const saved = await submit(home, moduleTask(home, [["step"], ["gate"], ["step"]]));
    const canceled = await submit(home, shellTask(home, "exec sleep 300"));
    const { pid } = await atWork(home, frozen);
    await noted(home, saved, "ran", "gate1");
    open(home, "unused");
    await home.rpc("tasks/pause", { id: frozen, mode: "freeze" });
    await home.rpc("tasks/pause", { id: saved, graceMs: 100 });
    await atWork(home, canceled);
    await home.rpc("tasks/cancel", { id: canceled, graceMs: 1000 });
    const events = () => sqlite(home, "select * from events order by seq");
    const before = events();
    for (let round = 0; round < 5; round++) {
      await home.killDaemon();
      await wake(home);
      await check(home, { ids: [frozen, saved, canceled], ended: new Map([[canceled, "canceled"]]) });
    }
    expect(events()).toEqual(before);
    expect(await home.task(frozen)).toMatchObject({ state: "suspended", pid, attempt: 1 });
    expect(await home.task(saved)).toMatchObject({ state: "suspended", attempt: 1 });
    open(home);
    await home.rpc("tasks/resume", { id: frozen });
    expect(await home.reaches(frozen, "failed")).toMatchObject({ exitCode: 3, attempt: 1 });
    await home.rpc("tasks/resume", { id: saved });
    await home.reaches(saved, "completed");
  });
});

describe("when the daemon and the task die before a commit", () => {
  it("a step that was not kept was not acknowledged", async ({ home }) => {
    home.env.AGENTCTL_FAULT = "step:before-commit@2";
    // Long enough that the host does not make the step durable itself.
    const id = await submit(home, moduleTask(home, [["step", 30], ["step", 30], ["step"]]));
    await until(() => daemons(home).length === 0);
    delete home.env.AGENTCTL_FAULT;
    await noted(home, id, "ran", "step1");
    for (const { pid } of bearers(home)) signalTo(pid, "SIGKILL");
    await until(() => bearers(home).length === 0);
    await wake(home);
    await home.reaches(id, "completed");
    expect([count(home, id, "ran", "step0"), count(home, id, "ran", "step1")]).toEqual([1, 2]);
    await check(home, { ids: [id] });
  });
});

describe("a stop during which the daemon dies", () => {
  const deaths = {
    "after the request": "pause:after-request",
    "after a module has left": "suspend:before-commit",
    "before a program is frozen": "pause:before-freeze",
    "after a program is frozen": "pause:after-freeze",
  };

  it.for(Object.entries(deaths))(
    "is over with the next daemon, which resumes the tasks: %s",
    async ([, fault], { home }) => {
      home.env.AGENTCTL_FAULT = fault;
      const program = await submit(home, shellTask(home, "gate; exit 8"));
      const steps: Does = [["step"], ["gate", "other"], ["step"]];
      const module = fault.includes("freeze") ? undefined : await submit(home, moduleTask(home, steps));
      await atWork(home, program);
      if (module) await noted(home, module, "ran", "gate1");
      open(home, "other");
      await home.rpc("daemon/stop", { graceMs: 5_000 }).catch(() => undefined);
      await until(() => daemons(home).length === 0);
      delete home.env.AGENTCTL_FAULT;
      await wake(home);
      open(home);
      expect(await home.reaches(program, "failed")).toMatchObject({ exitCode: 8, attempt: 1 });
      if (module)
        expect((await home.reaches(module, "completed")).result).toEqual(["step0", "gate1", "step2"]);
      await check(home, { ids: module ? [program, module] : [program] });
    },
  );
});

describe("a pause with a planned end", () => {
  it("has no end any more if the task can no longer be started", async ({ home }) => {
    const program = home.script("trap 'exit 75' TERM; while :; do sleep 0.05; done");
    const id = await submit(home, { argv: [program], pauseMode: "checkpoint" });
    await atWork(home, id);
    const ends = new Date(Date.now() + 500).toISOString();
    await home.rpc("tasks/pause", { id, until: ends, graceMs: 5_000 });
    rmSync(program);
    const refused = await until(async () => {
      const task = await home.task(id);
      return task.state === "suspended" && task.error !== null && task;
    });
    expect(refused).toMatchObject({ error: { name: "CannotStart" }, pause: { until: null } });
    const events = () => sqlite(home, "select count(*) as n from events")[0].n;
    const before = events();
    for (let round = 0; round < 3; round++) await home.cli("list");
    expect(events()).toBe(before);
  });
});

describe("the next daemon finishes what was recorded before a death:", () => {
  const deaf = "trap '' TERM; while :; do sleep 0.05; done";

  it("a cancel", async ({ home }) => {
    const id = await submit(home, shellTask(home, deaf));
    await noted(home, id, "began");
    await home.rpc("tasks/cancel", { id, graceMs: 1_000, wait: false });
    await home.killDaemon();
    await wake(home);
    await home.reaches(id, "canceled");
    await check(home, { ids: [id] });
  });

  it("a pause by checkpoint", async ({ home }) => {
    const id = await submit(home, { ...shellTask(home, deaf), pauseMode: "checkpoint" });
    await noted(home, id, "began");
    await home.rpc("tasks/pause", { id, graceMs: 1_000, wait: false });
    await home.killDaemon();
    await wake(home);
    expect(await home.reaches(id, "suspended")).toMatchObject({
      pause: { outcome: "forced", cause: "user" },
    });
    await check(home, { ids: [id] });
  });

  it("a time limit", async ({ home }) => {
    home.env.AGENTCTL_FAULT = "intend:after-commit";
    const id = await submit(home, { ...shellTask(home, "exec sleep 300"), timeoutMs: 300 });
    await until(() => daemons(home).length === 0);
    delete home.env.AGENTCTL_FAULT;
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ error: { name: "TimedOut" }, attempt: 1 });
    await check(home, { ids: [id] });
  });
});

it("the next daemon removes the output of hosts that waited for a task", async ({ home }) => {
  await home.cli("daemon", "start");
  await home.cli("config", "set", "hosts", "1");
  const id = await submit(home, moduleTask(home, [["step"], ["gate"]]));
  await noted(home, id, "ran", "step0");
  const logs = () => readdirSync(join(home.dir, "run")).filter((name) => /^host\..*\.log$/.test(name));
  await until(() => logs().length === 1);
  const before = logs();
  await home.killDaemon();
  await wake(home);
  await until(() => !logs().includes(before[0] ?? ""));
  open(home);
  await home.reaches(id, "completed");
});
