import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { runCommand } from "../harness/command.ts";
import { type Home, it, needsLinux, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { shellTask } from "./fixtures.ts";
import { atWork, daemons, killEverything, open, submit, wake } from "./stories.ts";

const daemonFile = join(import.meta.dirname, "../../dist/daemon.cjs");

/** Returns the fields of /proc/<pid>/stat after the command, among them the state's letter and the start time. */
const statOf = (pid: number) =>
  readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
const startOf = (pid: number) => Number(statOf(pid)[19]);

/** Records this process as that of the attempt, in its row and in its run file. */
function claim(home: Home, id: number, claimed: { pid: number; start: number; boot?: string }): void {
  const { pid, start } = claimed;
  sqlite(home, "update attempts set pid = ?, pid_start = ? where task_id = ?", [pid, start, id]);
  sqlite(home, "update tasks set pid = ? where id = ?", [pid, id]);
  if (claimed.boot) sqlite(home, "update attempts set boot_id = ? where task_id = ?", [claimed.boot, id]);
  const run = join(home.dir, "run");
  const file = join(run, readdirSync(run).find((name) => /^\d+\.\d+\.run$/.test(name)) as string);
  const claimedBirth = (_: string, key: string, boot: string) =>
    `#born ${key} ${claimed.boot ?? boot} ${pid}`;
  const born = readFileSync(file, "latin1").replace(/^#born (\S+) (\S+) \d+/m, claimedBirth);
  writeFileSync(file, born, "latin1");
}

describe("a pid that was reused", () => {
  let stranger: ChildProcess;
  beforeEach(({ skip }) => {
    needsLinux(skip);
    stranger = spawn("sleep", ["300"], { detached: true, stdio: "ignore", env: {} });
  });
  afterEach(() => void stranger?.kill("SIGKILL"));

  const claims = {
    "by a process that began at another time": (pid: number) => ({ pid, start: startOf(pid) - 1 }),
    "in another boot of the machine": (pid: number) => ({ pid, start: startOf(pid), boot: "another-boot" }),
  };

  it.for(Object.entries(claims))("%s is neither adopted nor signalled", async ([, claimOf], { home }) => {
    const id = await submit(home, shellTask(home, "exec sleep 300"));
    await atWork(home, id);
    await killEverything(home);
    const pid = stranger.pid as number;
    const before = startOf(pid);
    claim(home, id, claimOf(pid));
    await wake(home);
    expect(await home.reaches(id, "suspended")).toMatchObject({ pid: null, pause: { cause: "lost" } });
    await home.cli("pause", `${id}`, "--mode", "checkpoint", "--grace", "0s");
    expect((await home.cli("cancel", `${id}`, "--grace", "0s")).code).toBe(0);
    expect([stranger.exitCode, stranger.signalCode, startOf(pid)]).toEqual([null, null, before]);
    expect(statOf(pid)[0]).toBe("S");
    await check(home, { ids: [id] });
  });

  it("is not mistaken for that of a frozen task", async ({ home }) => {
    const id = await submit(home, shellTask(home, "exec sleep 300"));
    await atWork(home, id);
    await home.rpc("tasks/pause", { id, mode: "freeze" });
    await killEverything(home);
    const pid = stranger.pid as number;
    claim(home, id, claims["by a process that began at another time"](pid));
    await wake(home);
    const lost = await until(async () => {
      const task = await home.task(id);
      return task.pause.cause === "lost" && task;
    });
    expect(lost).toMatchObject({ state: "suspended", pid: null });
    expect((await home.cli("resume", `${id}`)).code).toBe(3);
    expect(statOf(pid)[0]).toBe("S");
    await check(home, { ids: [id] });
  });
});

describe("the next daemon starts despite what a dead one left:", () => {
  const leftovers: Record<string, (home: Home) => void> = {
    "its socket and its lock": () => {},
    "a regular file in place of the socket": (home) => {
      rmSync(home.socket);
      writeFileSync(home.socket, "");
    },
    "a lock that names a process": (home) => writeFileSync(join(home.dir, "daemon.lock"), `${process.pid}\n`),
    "a pid file that names a process": (home) =>
      writeFileSync(join(home.dir, "daemon.pid"), `${process.pid}\n`),
    "no socket at all": (home) => rmSync(home.socket),
  };
  it.for(Object.entries(leftovers))("%s", async ([, leave], { home }) => {
    const id = await submit(home, shellTask(home, "gate; exit 3"));
    const { pid } = await atWork(home, id);
    await home.killDaemon();
    expect(existsSync(home.socket)).toBe(true);
    leave(home);
    const { code, stderr } = await home.cli("show", `${id}`);
    expect([code, stderr]).toEqual([0, ""]);
    expect(await home.task(id)).toMatchObject({ state: "working", pid });
    open(home);
    await home.reaches(id, "failed");
  });
});

describe("when many commands come first", () => {
  it("there is one daemon, and a task for each", async ({ home }) => {
    const runs = Array.from({ length: 20 }, () => home.cli("run", "true"));
    const results = await Promise.all(runs);
    expect(results.map(({ code }) => code)).toEqual(Array(20).fill(0));
    const ids = results.map(({ stdout }) => Number(stdout)).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    // Daemons that came second exit when they notice it.
    const first = await home.daemonPid();
    await until(() => String(daemons(home)) === String(first), { message: "one daemon" });
    for (const id of ids) await home.reaches(id, "completed");
    await check(home, { ids });
  });

  it("a second daemon exits, even if the socket of the first is gone", async ({ home }) => {
    await wake(home);
    const first = daemons(home);
    rmSync(home.socket);
    const second = await runCommand(process.execPath, [daemonFile], { env: home.env });
    expect([second.code, daemons(home)]).toEqual([0, first]);
    await home.killDaemon();
  });
});
