import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type Home, it, processes, signalTo, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { type Does, moduleTask, shellTask } from "./fixtures.ts";
import {
  atWork,
  count,
  killEverything,
  noted,
  notes,
  open,
  reboot,
  stopAndReboot,
  submit,
  wake,
} from "./stories.ts";

/** The two ways in which everything can be gone at once. */
const deaths = { "everything is killed": killEverything, "the machine goes down": reboot };

const stepsAroundGate: Does = [["step"], ["gate"], ["step"]];

/** A program that counts to four in checkpoints and waits for the gate before the third. */
const counts = `
  n=$(cat "$AGENTCTL_CHECKPOINT" 2>/dev/null || echo 0)
  while [ $n -lt 4 ]; do
    n=$((n + 1)); echo $n | agentctl checkpoint save && note saved $n
    [ $n -ne 2 ] || gate
  done; exit 9`;

describe.each(Object.entries(deaths))("when %s", (_, die) => {
  it("the running time of a silent program counts until a daemon last saw it", async ({ home }) => {
    const id = await submit(home, shellTask(home, "exec sleep 300"));
    const began = Date.parse((await atWork(home, id)).startedAt);
    const worked = await until(() => {
      const seen = statSync(join(home.dir, "daemon.seen"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      return Math.max(0, Math.floor(seen - began));
    });
    await die(home);
    await wake(home);
    const { runMs } = await home.reaches(id, "suspended");
    expect(runMs).toBeGreaterThanOrEqual(worked);
    await check(home, { ids: [id] });
  });

  it("a module continues automatically after its last step", async ({ home }) => {
    const id = await submit(home, moduleTask(home, stepsAroundGate));
    await noted(home, id, "ran", "gate1");
    await die(home);
    open(home);
    await wake(home);
    const task = await home.reaches(id, "completed");
    expect(task).toMatchObject({ attempt: 2, result: ["step0", "gate1", "step2"], pause: { cause: "lost" } });
    expect([count(home, id, "ran", "step0"), count(home, id, "ran", "gate1")]).toEqual([1, 2]);
    await check(home, { ids: [id] });
  });

  it("a program continues automatically from its last checkpoint", async ({ home }) => {
    const id = await submit(home, shellTask(home, counts));
    await noted(home, id, "saved", "2");
    await die(home);
    open(home);
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 9, attempt: 2 });
    expect(notes(home, id).flatMap(({ what, text }) => (what === "saved" ? [text] : []))).toEqual([
      "1",
      "2",
      "3",
      "4",
    ]);
    await check(home, { ids: [id] });
  });

  it("a program with --pause-mode checkpoint is started again", async ({ home }) => {
    const id = await submit(home, { ...shellTask(home, "gate; exit 3"), pauseMode: "checkpoint" });
    await atWork(home, id);
    await die(home);
    open(home);
    await wake(home);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 3, attempt: 2 });
    await check(home, { ids: [id] });
  });

  it("any other program is suspended until a person resumes it", async ({ home }) => {
    const id = await submit(home, shellTask(home, "gate; exit 3"));
    await atWork(home, id);
    await die(home);
    for (let round = 0; round < 2; round++) {
      await wake(home);
      expect(await home.reaches(id, "suspended")).toMatchObject({ attempt: 1, pause: { cause: "lost" } });
      await check(home, { ids: [id] });
      await home.killDaemon();
    }
    const refused = await home.cli("resume", `${id}`);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain(`agentctl resume ${id} --from-start`);
    open(home);
    expect((await home.cli("resume", `${id}`, "--from-start")).code).toBe(0);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 3, attempt: 2 });
  });

  it("--on-lost overrides what happens by default", async ({ home }) => {
    const suspended = await submit(home, { ...moduleTask(home, stepsAroundGate), onLost: "suspend" });
    const failed = await submit(home, { ...shellTask(home, "gate"), onLost: "fail" });
    const resumed = await submit(home, { ...shellTask(home, counts), onLost: "resume", queue: "default" });
    await noted(home, suspended, "ran", "gate1");
    await home.cli("queue", "set", "default", "--slots", "3");
    await atWork(home, failed);
    await noted(home, resumed, "saved", "2");
    await die(home);
    open(home);
    await wake(home);
    expect(await home.reaches(failed, "failed")).toMatchObject({
      error: { name: "ProcessLost" },
      attempt: 1,
    });
    expect(await home.reaches(resumed, "failed")).toMatchObject({ exitCode: 9, attempt: 2 });
    expect(await home.task(suspended)).toMatchObject({
      state: "suspended",
      attempt: 1,
      pause: { cause: "lost" },
    });
    expect((await home.cli("resume", `${suspended}`)).code).toBe(0);
    await home.reaches(suspended, "completed");
    await check(home, { ids: [suspended, failed, resumed] });
  });

  it("tasks that a user paused stay paused, and a frozen process is found to be lost", async ({ home }) => {
    const frozen = await submit(home, shellTask(home, "exec sleep 300"));
    const saved = await submit(home, moduleTask(home, stepsAroundGate));
    await atWork(home, frozen);
    await noted(home, saved, "ran", "gate1");
    await home.rpc("tasks/pause", { id: frozen });
    await home.rpc("tasks/pause", { id: saved, graceMs: 50 });
    await die(home);
    await wake(home);
    await until(async () => (await home.task(frozen)).pause.cause === "lost");
    expect(await home.task(frozen)).toMatchObject({ state: "suspended", attempt: 1, pid: null });
    expect(await home.task(saved)).toMatchObject({
      state: "suspended",
      attempt: 1,
      pause: { cause: "user" },
    });
    await check(home, { ids: [frozen, saved] });
  });

  it("questions, delays, holds and dependencies stay as they were", async ({ home }) => {
    const asking = await submit(home, moduleTask(home, [["step"], ["ask", "Go on?"]]));
    const later = await submit(home, {
      argv: ["true"],
      notBefore: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const held = await submit(home, { argv: ["true"], held: true });
    const after = await submit(home, { argv: ["true"], after: asking });
    await home.reaches(asking, "input-required");
    await die(home);
    await wake(home);
    const states = async () =>
      await Promise.all([asking, later, held, after].map(async (id) => (await home.task(id)).state));
    expect(await states()).toEqual(["input-required", "submitted", "submitted", "submitted"]);
    await home.rpc("tasks/answer", { id: asking, text: "yes" });
    await home.reaches(after, "completed");
    expect(await states()).toEqual(["completed", "submitted", "submitted", "completed"]);
    await check(home, { ids: [asking, later, held, after] });
  });
});

describe("a task that a stop froze, when the machine goes down", () => {
  const freeze = { pauseMode: "freeze" };

  it("is handled as --on-lost says", async ({ home }) => {
    const resumed = await submit(home, { ...shellTask(home, counts), ...freeze });
    await home.cli("queue", "set", "default", "--slots", "4");
    const suspended = await submit(home, { ...shellTask(home, counts), ...freeze, onLost: "suspend" });
    const failed = await submit(home, { ...shellTask(home, "gate"), ...freeze, onLost: "fail" });
    const other = await submit(home, { ...shellTask(home, "gate"), ...freeze });
    await Promise.all([resumed, suspended].map((id) => noted(home, id, "saved", "2")));
    await Promise.all([failed, other].map((id) => atWork(home, id)));
    await stopAndReboot(home);
    open(home);
    await wake(home);
    expect(await home.reaches(resumed, "failed")).toMatchObject({ exitCode: 9, attempt: 2 });
    expect(await home.reaches(failed, "failed")).toMatchObject({ error: { name: "ProcessLost" }, pid: null });
    for (const id of [suspended, other]) {
      expect(await home.task(id)).toMatchObject({ state: "suspended", attempt: 1, pause: { cause: "lost" } });
    }
    await check(home, { ids: [resumed, suspended, failed, other] });
  });

  it("stays suspended if a user had paused it", async ({ home }) => {
    const id = await submit(home, { ...shellTask(home, counts), ...freeze, onLost: "fail" });
    await noted(home, id, "saved", "2");
    await home.cli("pause", `${id}`);
    await stopAndReboot(home);
    open(home);
    await wake(home);
    await until(async () => (await home.task(id)).pause.cause === "lost");
    expect(await home.task(id)).toMatchObject({ state: "suspended", attempt: 1, error: null });
    expect((await home.cli("resume", `${id}`)).code).toBe(0);
    expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 9, attempt: 2 });
    await check(home, { ids: [id] });
  });

  it("is also lost if it is queued to continue", async ({ home }) => {
    const ids = await Promise.all(
      ["fail", "suspend", "resume"].map((onLost) =>
        submit(home, { ...shellTask(home, counts), ...freeze, onLost }),
      ),
    );
    await home.cli("queue", "set", "default", "--slots", "4");
    await Promise.all(ids.map((id) => noted(home, id, "saved", "2")));
    await home.cli("daemon", "stop");
    await home.cli("daemon", "start", "--hold");
    await Promise.all(ids.map((id) => home.reaches(id, "resumed")));
    await reboot(home);
    open(home);
    await wake(home);
    expect(await home.reaches(ids[0] as number, "failed")).toMatchObject({ error: { name: "ProcessLost" } });
    expect(await home.reaches(ids[1] as number, "suspended")).toMatchObject({ pause: { cause: "lost" } });
    expect(await home.reaches(ids[2] as number, "failed")).toMatchObject({ exitCode: 9, attempt: 2 });
    await check(home, { ids });
  });
});

describe("a task that is lost three times", () => {
  it("stays suspended if it made no progress in between", async ({ home }) => {
    const id = await submit(home, moduleTask(home, [["gate"]]));
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until(() => notes(home, id).some((note) => note.what === "ran" && note.attempt === attempt));
      await killEverything(home);
      await wake(home);
    }
    expect(await home.reaches(id, "suspended")).toMatchObject({
      attempt: 3,
      pause: { cause: "lost", until: null },
    });
    await home.killDaemon();
    await wake(home);
    expect(await home.task(id)).toMatchObject({ state: "suspended", attempt: 3 });
    open(home);
    expect((await home.cli("resume", `${id}`)).code).toBe(0);
    await home.reaches(id, "completed");
    await check(home, { ids: [id] });
  });

  it("continues if it made progress in between", async ({ home }) => {
    const gates = Array.from({ length: 4 }, (_, i): ["gate", string] => ["gate", `gate-${i}`]);
    const id = await submit(home, moduleTask(home, gates));
    for (let round = 0; round < 4; round++) {
      await noted(home, id, "ran", `gate${round}`);
      await killEverything(home);
      open(home, `gate-${round}`);
      await wake(home);
    }
    expect(await home.reaches(id, "completed")).toMatchObject({ attempt: 5 });
    await check(home, { ids: [id] });
  });
});

describe("after everything was killed", () => {
  /** A program that notes how many others run at the same time: each has a folder while it runs. */
  const alone = (home: Home) => `
    mkdir -p "${home.work}/running/$AGENTCTL_TASK_ID"
    note beside $(($(ls "${home.work}/running" | wc -l) - 1))
    [ $AGENTCTL_ATTEMPT -gt 1 ] || gate never
    sleep 0.15; note order $AGENTCTL_TASK_ID; rmdir "${home.work}/running/$AGENTCTL_TASK_ID"`;

  async function lost(home: Home, priorities: number[]): Promise<number[]> {
    await wake(home);
    await home.rpc("queues/set", { name: "line", slots: priorities.length });
    const ids: number[] = [];
    for (const priority of priorities) {
      const task = { ...shellTask(home, alone(home)), pauseMode: "checkpoint", queue: "line", priority };
      ids.push(await submit(home, task));
    }
    for (const id of ids) await noted(home, id, "beside");
    await home.rpc("queues/set", { name: "line", slots: 1 });
    await killEverything(home);
    rmSync(join(home.work, "running"), { recursive: true });
    return ids;
  }

  it("a queue with one slot runs one process at a time, by priority", async ({ home }) => {
    const ids = await lost(home, [1, 5, 3, 0]);
    await wake(home);
    for (const id of ids) await home.reaches(id, "completed");
    const second = ids.flatMap((id) => notes(home, id).filter(({ attempt }) => attempt === 2));
    const beside = second.filter(({ what }) => what === "beside").map(({ text }) => text);
    expect(beside).toEqual(["0", "0", "0", "0"]);
    expect(secondStarts(home)).toEqual([ids[1], ids[2], ids[0], ids[3]]);
    await check(home, { ids });
  });

  it("a held queue starts no task", async ({ home }) => {
    await wake(home);
    await home.rpc("queues/set", { name: "line", slots: 2 });
    const id = await submit(home, { ...moduleTask(home, stepsAroundGate), queue: "line" });
    await noted(home, id, "ran", "gate1");
    await home.rpc("queues/hold", { name: "line" });
    await killEverything(home);
    open(home);
    for (let round = 0; round < 3; round++) {
      await wake(home);
      expect(await home.reaches(id, "resumed")).toMatchObject({ attempt: 1, waiting: { for: "queue" } });
      await check(home, { ids: [id] });
      await home.killDaemon();
    }
    await wake(home);
    await home.rpc("queues/release", { name: "line" });
    await home.reaches(id, "completed");
  });

  it("a held task does not start", async ({ home }) => {
    const id = await submit(home, moduleTask(home, stepsAroundGate));
    await noted(home, id, "ran", "gate1");
    await home.killDaemon();
    await wake(home);
    await home.rpc("queues/hold", { name: "default" });
    await killEverything(home);
    open(home);
    await wake(home);
    await home.reaches(id, "resumed");
    await home.rpc("tasks/hold", { id });
    await home.rpc("queues/release", { name: "default" });
    await home.killDaemon();
    await wake(home);
    expect(await home.task(id)).toMatchObject({ state: "resumed", held: true });
    await home.rpc("tasks/release", { id });
    await home.reaches(id, "completed");
  });
});

/** Returns the tasks in the order in which their second attempts began. */
function secondStarts(home: Home): number[] {
  const sql = "select task_id from events where cause = 'start' and attempt = 2 order by seq";
  return sqlite(home, sql).map((row: { task_id: number }) => row.task_id);
}

it("a resume of a frozen and killed task waits for the end of its tree, and does not block other requests", async ({
  home,
}) => {
  const deaf = `setsid sh -c 'trap "" TERM; sleep 300; sleep 300' &`;
  const id = await submit(home, shellTask(home, `${deaf} note on; wait`));
  await until(() => processes(home.root).some(({ command }) => command === "sleep 300"));
  await atWork(home, id);
  await home.cli("config", "set", "cancel.grace", "1s");
  await home.cli("pause", `${id}`, "--mode", "freeze");
  await home.killDaemon();
  const guard = processes(home.root).find(({ command }) => command.includes("agentctl-guard"))?.pid ?? 0;
  const program = processes(home.root).find(({ ppid }) => ppid === guard)?.pid ?? 0;
  for (const pid of [guard, program]) signalTo(pid, "SIGKILL");
  await wake(home);
  const wire = await home.connect();
  const resumed = wire.request("tasks/resume", { id }).catch((error) => error);
  const other = await home.connect();
  expect((await other.request("daemon/status", {}, 1000)).pid).toBeGreaterThan(0);
  expect(await resumed).toMatchObject({ code: -32026 });
  expect(await home.task(id)).toMatchObject({ state: "suspended", pid: null, pause: { cause: "lost" } });
  await check(home, { ids: [id] });
});
