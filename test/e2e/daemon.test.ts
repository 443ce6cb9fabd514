import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { isAlive, it, needsOwnStore, processes, until } from "../harness/index.ts";
import {
  history,
  meanwhile,
  noted,
  notes,
  open,
  pidOf,
  taskModule,
  ticking,
  twelveSteps,
  upTo,
} from "./story.ts";

describe("daemon stop", () => {
  it("checkpoints modules, freezes programs and names them, and the next start resumes both", async ({
    home,
  }) => {
    const module = await home.run(home.module(twelveSteps), "--input", "3");
    const program = await home.run("sh", "-c", ticking);
    await noted(home, 3);
    await noted(home, 3, "ticks");
    const pid = await pidOf(home, program);
    const stopping = home.cli("daemon", "stop");
    await until(() => processes(home.root).some((each) => each.pid === pid && each.state.startsWith("T")));
    open(home, "go");
    const { code, stdout, stderr } = await stopping;
    expect(code).toBe(0);
    expect(stdout + stderr).toMatch(new RegExp(`frozen.*\\b${program}\\b`));
    expect(await home.daemonPid()).toBeNull();
    await home.cli("daemon", "start");
    expect((await home.cli("wait", `${program}`)).code).toBe(7);
    expect((await home.cli("wait", `${module}`)).code).toBe(0);
    expect(notes(home)).toEqual(upTo(12));
    expect((await home.json("show", `${program}`)).attempts).toMatchObject([{ n: 1, pid, exitCode: 7 }]);
  });

  it("keeps a task suspended that a user paused, even after the next start", async ({ home }) => {
    const id = await home.run("sleep", "60");
    const pid = await pidOf(home, id);
    await home.cli("pause", `${id}`);
    await home.cli("daemon", "restart");
    await home.cli("daemon", "stop");
    await home.cli("daemon", "start");
    await meanwhile(home);
    expect(await home.task(id)).toMatchObject({ state: "suspended", pid, pause: { cause: "user" } });
    await home.cli("resume", `${id}`, "--wait");
    expect((await home.task(id)).pid).toBe(pid);
  });

  it("succeeds without a running daemon and starts none", async ({ home }) => {
    expect((await home.cli("daemon", "stop")).code).toBe(0);
    expect(processes(home.root)).toEqual([]);
  });

  it("pauses and stops in the same way on SIGTERM", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    await noted(home, 1, "ticks");
    const pid = (await home.daemonPid()) as number;
    process.kill(pid, "SIGTERM");
    await until(() => !isAlive(pid));
    const ticks = notes(home, "ticks");
    expect((await home.cli("list")).code).toBe(0);
    await noted(home, ticks.length + 2, "ticks");
    const { events } = await home.json("show", `${id}`);
    expect(events.map(({ cause }: { cause: string }) => cause)).toContain("shutdown");
  });
});

describe("daemon restart", () => {
  it("leaves processes running, adopts them and reports their exit codes", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    await noted(home, 1, "ticks");
    const [pid, daemon] = [await pidOf(home, id), await home.daemonPid()];
    expect((await home.cli("daemon", "restart")).code).toBe(0);
    expect(await home.daemonPid()).not.toBe(daemon);
    expect(await home.task(id)).toMatchObject({ state: "working", pid });
    open(home);
    expect((await home.cli("wait", `${id}`)).code).toBe(7);
    expect(await history(home, id)).toEqual(["submitted", "working", "failed"]);
  });
});

describe("daemon status", () => {
  it("exits with 5 and reports pid null without a running daemon, and starts none", async ({ home }) => {
    expect((await home.cli("daemon", "status")).code).toBe(5);
    expect(await home.json("daemon", "status")).toMatchObject({ pid: null, home: home.dir });
    expect(processes(home.root)).toEqual([]);
  });

  it("reports its location and counts the tasks of each state", async ({ home }) => {
    await home.run("--hold", "true");
    const status = await home.json("daemon", "status");
    expect(status).toMatchObject({ pid: await home.daemonPid(), home: home.dir, socket: home.socket });
    expect(status.uptimeMs).toBeGreaterThan(0);
    expect(status.tasks).toEqual({
      submitted: 1,
      working: 0,
      "input-required": 0,
      suspended: 0,
      resumed: 0,
      completed: 0,
      failed: 0,
      canceled: 0,
    });
  });
});

it("makes everything in its home accessible only to the owner", async ({ home }) => {
  needsOwnStore(home, "looks at the store's file");
  await home.cli("run", "-w", "true");
  const mode = (name: string) => (statSync(`${home.dir}/${name}`).mode & 0o777).toString(8);
  expect(["", "agentctl.db", "agentctl.sock", "daemon.log", "logs/1", "logs/1/1.log"].map(mode)).toEqual([
    "700",
    "600",
    "600",
    "600",
    "700",
    "600",
  ]);
});

it.skipIf(process.platform !== "linux")("keeps no file open that its starter had open", async ({ home }) => {
  const held = `${home.work}/held`;
  // sh can pass only descriptors with one digit, and Node closes those by itself.
  const stdio = [...new Array(40).fill("ignore"), openSync(held, "w")];
  const caller = spawn(process.execPath, [launcher, "daemon", "start"], { env: home.env, stdio });
  await once(caller, "exit");
  closeSync(stdio[40]);
  const { pid } = await home.json("daemon", "status");
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  expect(open).toContain("/dev/null");
  expect(open).not.toContain(held);
});

it("starts one daemon for many simultaneous commands, each of which succeeds", async ({ home }) => {
  const starts = Array.from({ length: 6 }, () => home.cli("daemon", "start", "--json"));
  const answers = await Promise.all(starts);
  expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [0, ""]));
  expect(new Set(answers.map(({ stdout }) => JSON.parse(stdout).pid)).size).toBe(1);
});

it("runs all queued tasks with daemon run --until-idle, and leaves held tasks queued", async ({ home }) => {
  const held = await home.run("--hold", "true");
  const first = await home.run("sh", "-c", "sleep 1");
  const next = await home.run("--after", `${first}`, "true");
  await home.cli("daemon", "stop");
  expect(await home.cli("daemon", "run", "--until-idle")).toMatchObject({ code: 0 });
  expect(await home.daemonPid()).toBeNull();
  const tasks: { id: number; state: string }[] = await home.json("list", "--all");
  expect(Object.fromEntries(tasks.map(({ id, state }) => [id, state]))).toEqual({
    [held]: "submitted",
    [first]: "completed",
    [next]: "completed",
  });
});

it("queues modules while the files of its daemon are gone, as after an upgrade, and names the restart", async ({
  home,
}) => {
  const root = join(import.meta.dirname, "../..");
  const old = join(home.root, "old");
  for (const name of ["bin", "dist", "package.json"])
    cpSync(join(root, name), join(old, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(old, "node_modules"));
  execFileSync(join(old, "bin/agentctl.js"), ["daemon", "start"], { env: home.env });
  rmSync(old, { recursive: true });
  const id = await home.run(home.module(taskModule("return 1;")));
  const waits = await until(async () => {
    const task = await home.task(id);
    return task.error !== null && task;
  });
  expect(waits).toMatchObject({ state: "submitted", error: { name: "InstallationRemoved" } });
  expect((await home.cli("show", `${id}`)).stdout).toContain("agentctl daemon restart");
  expect((await home.cli("config", "set", "http.listen", "127.0.0.1:0")).stderr).toContain(
    "as by an upgrade",
  );
  expect((await home.cli("daemon", "restart")).code).toBe(0);
  expect((await home.reaches(id, "completed")).result).toBe(1);
});
