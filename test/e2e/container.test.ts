import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { it, needs, needsSuccessOf, signalTo, until } from "../harness/index.ts";
import { noted, notes, open, ticking } from "./story.ts";

/** Options of `unshare` that make the command process 1 of its own container, as far as processes go. */
const contained = ["-pf", "--mount-proc", "--kill-child"];

/** Lists the children of a process, including zombies: pid, name and state. */
function childrenOf(parent: number): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const [, name, state, ppid] =
        /\((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return Number(ppid) === parent ? [`${pid} ${name} ${state}`] : [];
    } catch {
      return [];
    }
  });
}

it("reaps orphans as process 1 of a container, and stops on SIGTERM", async ({ home, skip }) => {
  needsSuccessOf(skip, "unshare", ...contained, "true");
  const outer = spawn("unshare", [...contained, launcher, "daemon", "run"], {
    cwd: home.work,
    env: home.env,
    stdio: "ignore",
  });
  try {
    const first = Number.parseInt(await until(() => childrenOf(outer.pid as number)[0]), 10);
    await until(() => home.rpc("daemon/status"));
    // The task ends once the orphans have started. They are outside its tree, like programs of `agentctl detach`.
    const orphan =
      "env -u AGENTCTL_TOKEN -u AGENTCTL_TREE AGENTCTL_DETACHED=$AGENTCTL_TREE setsid sh -c '>began$0; until [ -e go ]; do sleep 0.02; done' >out 2>&1";
    const orphans = `for n in 1 2 3; do ${orphan} $n & done; until [ -e began1 -a -e began2 -a -e began3 ]; do sleep 0.02; done`;
    const { task } = await home.rpc("tasks/create", { argv: ["sh", "-c", orphans], cwd: home.work });
    await home.reaches(task.id, "completed");
    await until(() => childrenOf(first).length === 4, { message: "three orphans and the daemon" });
    writeFileSync(home.file("go"), "");
    await until(() => childrenOf(first).length === 1, { message: "the daemon alone" });
    signalTo(first, "SIGTERM");
    const [code] = await once(outer, "exit");
    expect(code).toBe(0);
    expect(existsSync(home.socket)).toBe(false);
  } finally {
    outer.kill("SIGKILL");
  }
});

it("refuses a home whose tasks run in another container, and leaves those tasks alone", async ({
  home,
  skip,
}) => {
  needsSuccessOf(skip, "unshare", ...contained, "true");
  needs(skip, "flock");
  const id = await home.run("sh", "-c", ticking);
  await noted(home, 1, "ticks");
  await home.killDaemon();
  home.allowedInLog.push(/HomeRefused/);
  const inside = async (...args: string[]) => {
    const command = spawn("unshare", [...contained, launcher, ...args], { cwd: home.work, env: home.env });
    let stderr = "";
    command.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(command, "close");
    return { code, stderr };
  };
  const refused = { code: 5, stderr: expect.stringContaining("its tasks run in another container") };
  for (const args of [["daemon", "start"], ["list"], ["doctor", "--repair"]]) {
    expect(await inside(...args)).toEqual(refused);
  }
  await home.cli("daemon", "start");
  expect(await home.task(id)).toMatchObject({ state: "working", attempt: 1 });
  open(home);
  expect(await home.reaches(id, "failed")).toMatchObject({ exitCode: 7 });
});

it("takes over the home of a container that has ended, and counts its tasks as lost", async ({
  home,
  skip,
}) => {
  needsSuccessOf(skip, "unshare", ...contained, "true");
  const outer = spawn("unshare", [...contained, launcher, "daemon", "run"], {
    cwd: home.work,
    env: home.env,
    stdio: "ignore",
  });
  await until(() => home.rpc("daemon/status"));
  const argv = ["sh", "-c", "echo begun >> notes; exec sleep 600"];
  const { task } = await home.rpc("tasks/create", { argv, cwd: home.work, onLost: "fail" });
  await noted(home, 1);
  outer.kill("SIGKILL");
  await once(outer, "exit");
  expect((await home.cli("daemon", "start")).code).toBe(0);
  expect(await home.reaches(task.id, "failed")).toMatchObject({ error: { name: "ProcessLost" } });
  expect(notes(home)).toEqual(["begun"]);
});
