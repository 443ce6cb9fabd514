/** What a running daemon does when its files are removed. */
import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { isAlive, it, until } from "../harness/index.ts";
import { isLocked } from "../harness/sqlite.ts";
import { noted, pidOf, waitsForAnswer } from "./story.ts";

it("listens again after its socket is removed or replaced, and keeps tasks and connections", async ({
  home,
}) => {
  const id = await home.run("sleep", "60");
  const wire = await home.connect();
  const daemon = await home.daemonPid();
  const isListening = () => existsSync(home.socket) && statSync(home.socket).isSocket();
  rmSync(home.socket);
  await until(isListening);
  rmSync(home.socket);
  writeFileSync(home.socket, "");
  await until(isListening);
  expect(await home.daemonPid()).toBe(daemon);
  expect(statSync(home.socket).mode & 0o777).toBe(0o600);
  expect((await wire.request("tasks/get", { id })).task.state).toBe("working");
  expect((await home.json("list")).map((task: { id: number }) => task.id)).toEqual([id]);
});

it("stops with daemon stop even if its socket has just been removed", async ({ home }) => {
  await home.cli("daemon", "start");
  const pid = (await home.daemonPid()) as number;
  rmSync(home.socket);
  expect((await home.json("daemon", "stop")).pid).toBe(pid);
  expect(isAlive(pid)).toBe(false);
});

it("takes its lock again after the lock file is removed", async ({ home }) => {
  await home.cli("daemon", "start");
  const lock = join(home.dir, "daemon.lock");
  rmSync(lock);
  await until(() => existsSync(lock));
  await until(() => isLocked(lock));
});

it("exits when its store is gone and leaves the processes, which doctor finds", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const [pid, daemon] = [await pidOf(home, id), (await home.daemonPid()) as number];
  const aside = `${home.dir}.aside`;
  renameSync(home.dir, aside);
  // Before the daemon notices, a stop would pause the task and record that in the moved store.
  await until(() => !isAlive(daemon));
  expect((await home.cli("daemon", "stop")).code).toBe(0);
  expect([isAlive(pid), existsSync(home.dir)]).toEqual([true, false]);
  const found = await home.json("doctor");
  expect(found.problems).toMatchObject([{ check: "processes", what: expect.stringContaining(`${pid}`) }]);
  expect(existsSync(home.dir)).toBe(false);
  expect((await home.json("doctor", "--repair")).problems).toMatchObject([{ mended: true }]);
  expect(isAlive(pid)).toBe(false);
  rmSync(home.dir, { recursive: true, force: true });
  renameSync(aside, home.dir);
});

it("names the process of a daemon that does not answer, and never reports it as stopped", async ({
  home,
}) => {
  // A program that ends on request might be suspended before the daemon gets SIGSTOP.
  const id = await home.run("sh", "-c", "trap '' TERM; echo ready >> notes; sleep 60");
  await noted(home, 1);
  const pausing = home.spawn("pause", `${id}`, "--mode", "checkpoint", "--grace", "60s");
  await until(() => waitsForAnswer(pausing.pid));
  const pid = (await home.daemonPid()) as number;
  process.kill(pid, "SIGSTOP");
  try {
    const answers = await Promise.all([
      pausing.ended,
      home.cli("daemon", "status"),
      home.cli("config", "set", "hosts", "2"),
      home.cli("list"),
      home.cli("daemon", "stop"),
    ]);
    for (const { code, stderr } of answers)
      expect([code, stderr]).toEqual([5, expect.stringContaining(`process ${pid}`)]);
  } finally {
    process.kill(pid, "SIGCONT");
  }
});
