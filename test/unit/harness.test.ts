import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { driverName } from "../../src/store/sqlite/file/driver.ts";
import { runCommand } from "../harness/command.ts";
import { closeHome, Home, isAlive, processes, signalTo, until } from "../harness/index.ts";

/** Runs JavaScript in a new process, with `config` on its stdin. Returns its pid when it has printed a line. */
async function planted(source: string, config: string, env: Record<string, string> = {}): Promise<number> {
  const child = spawn(process.execPath, ["-e", source], {
    cwd: import.meta.dirname,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.write(config);
  await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error("not started");
  return child.pid;
}

const idle = `setInterval(() => {}, 1000); console.log("ready");`;

const lockHolder = `process.stdin.once("data", (path) => {
  const db = new (require("${driverName}"))(String(path));
  db.exec("begin exclusive");
  console.log("ready");
});`;

/** Responds like a daemon without tasks, and leaves its socket behind. */
const untidyDaemon = `process.stdin.once("data", (path) => {
  const answers = { "daemon/status": { pid: process.pid }, "tasks/list": { tasks: [] } };
  require("node:net").createServer((rpc) => rpc.on("data", (line) => {
    const { id, method } = JSON.parse(line);
    if (method === "daemon/stop") process.exit();
    rpc.write(JSON.stringify({ id, result: answers[method] }) + "\\n");
  })).listen(String(path), () => console.log("ready"));
});`;

describe("after a test", () => {
  test("a clean home is deleted without a message", async () => {
    const home = new Home();
    expect(await closeHome(home)).toEqual([]);
    expect(existsSync(home.root)).toBe(false);
  });

  test("a process with the home in its environment is found and killed", async () => {
    const home = new Home();
    const pid = await planted(idle, "", { AGENTCTL_HOME: home.dir });
    expect(processes(home.dir).map((found) => found.pid)).toEqual([pid]);
    expect(await closeHome(home)).toEqual([expect.stringContaining(`process ${pid} (`)]);
    // On a busy machine, a signal does not take effect at once.
    await until(() => !isAlive(pid));
  });

  test("a process with the home on its command line is found and killed", async () => {
    const home = new Home();
    const pid = await planted(`${idle} // ${home.dir}`, "");
    expect(await closeHome(home)).toEqual([expect.stringContaining(`process ${pid} (`)]);
    await until(() => !isAlive(pid));
  });

  test("a lock that is still held is found", async () => {
    const home = new Home();
    mkdirSync(home.dir);
    const holder = await planted(lockHolder, join(home.dir, "daemon.lock"));
    expect(await closeHome(home)).toEqual(["a lock on daemon.lock is still held"]);
    signalTo(holder, "SIGKILL");
  });

  test("a socket that a stopped daemon left is found", async () => {
    const home = new Home();
    mkdirSync(home.dir);
    await planted(untidyDaemon, home.socket);
    expect(await closeHome(home)).toEqual([`the socket ${home.socket} is left`]);
  });

  test("a bug in the daemon's log is found, unless the test allows it", async () => {
    const [home, tolerant] = [new Home(), new Home()];
    tolerant.allowedInLog.push(/on purpose/);
    for (const { dir } of [home, tolerant]) {
      mkdirSync(dir);
      writeFileSync(join(dir, "daemon.log"), '{"level":30,"msg":"ready"}\n{"level":60,"msg":"on purpose"}\n');
    }
    expect(await closeHome(home)).toEqual(['a bug in daemon.log: {"level":60,"msg":"on purpose"}']);
    expect(await closeHome(tolerant)).toEqual([]);
  });
});

test("a command whose child keeps its output open times out, and the error has what it printed", async () => {
  const child = "sleep 60 & echo $!";
  const late = runCommand("/bin/sh", ["-c", child], { env: { PATH: process.env.PATH }, timeoutMs: 200 });
  const { message } = await late.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );
  expect(message).toMatch(/no end within 200 ms\nstdout: \d+\n/);
  signalTo(Number(/stdout: (\d+)/.exec(message)?.[1]), "SIGKILL");
});

describe("until", () => {
  test("returns the first truthy value", async () => {
    let calls = 0;
    expect(await until(() => (++calls === 3 ? "third" : false), { everyMs: 1 })).toBe("third");
  });

  test("reports the last value when the deadline passes", async () => {
    const seen = until(() => 0, { deadlineMs: 20, everyMs: 5, message: "a count" });
    await expect(seen).rejects.toThrow("a count did not hold within 20 ms; last seen: 0");
  });

  test("reports the last error when the deadline passes", async () => {
    const failing = () => Promise.reject(new TypeError("no task"));
    const seen = until(failing, { deadlineMs: 20, everyMs: 5 });
    await expect(seen).rejects.toThrow("last seen: TypeError: no task");
  });

  test("fails at once on a failed assertion, even if a later try would pass", async () => {
    let looks = 0;
    const condition = () => {
      expect(++looks).toBe(2);
      return true;
    };
    const error = await until(condition, { everyMs: 1, message: "two looks" }).then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    );
    expect(error.message).toMatch(/^two looks was waited for when this failed: AssertionError: expected 1 /);
    expect(error.cause).toMatchObject({ name: "AssertionError", actual: 1, expected: 2 });
  });

  test("ends at its deadline even if the condition never resolves", async () => {
    const never = until(() => new Promise<never>(() => undefined), { deadlineMs: 20 });
    await expect(never).rejects.toThrow("last seen: nothing: it did not answer");
  });
});
