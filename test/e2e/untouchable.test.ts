import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { isAlive, it, signalTo, until } from "../harness/index.ts";
import { needsRoot } from "../harness/needs.ts";
import { OtherUser } from "../harness/other-user.ts";

const USER = 54_322;

it("fails to pause a tree with another user's process and names it, also after a cancel", async ({
  home,
  skip,
}) => {
  needsRoot(skip);
  const user = new OtherUser(home, USER, skip);
  chmodSync(home.work, 0o755);
  const cwd = home.file("own");
  mkdirSync(cwd);
  chownSync(cwd, USER, USER);
  // Like sudo: a program with the set-user-ID bit becomes root, and the user who called it may not signal it.
  const become = home.file("become");
  copyFileSync("/usr/bin/setpriv", become);
  chmodSync(become, 0o4755);
  const env = { AGENTCTL_HOME: join(cwd, "home") };
  const as = (...words: string[]) => {
    const { status, stdout, stderr } = user.spawn(process.execPath, [user.launcher, ...words], { cwd, env });
    return { status, stdout, stderr };
  };
  const server = `${become} --reuid 0 --regid 0 --clear-groups sleep 63`;
  const script = `${server} & echo $! >pid; while :; do echo tick >>ticks; sleep 0.05; done`;
  expect(as("run", "sh", "-c", script)).toMatchObject({ status: 0, stdout: "1\n" });
  const ticks = () => readFileSync(join(cwd, "ticks"), "utf8").length;
  await until(() => ticks() > 0);
  const pid = Number(readFileSync(join(cwd, "pid"), "utf8"));
  try {
    await until(() => /^Uid:\s+0\s+0/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    for (const mode of ["auto", "freeze"]) {
      const paused = as("pause", "1", "--mode", mode, "--json");
      expect(paused.status).not.toBe(0);
      const message = expect.stringContaining(`process ${pid} (sleep)`);
      expect(JSON.parse(paused.stdout)).toMatchObject({
        ok: false,
        error: { name: "PauseFailed", message, data: { pids: [pid] } },
      });
    }
    const before = ticks();
    await until(() => ticks() > before);
    expect(JSON.parse(as("show", "1", "--json").stdout)).toMatchObject({ state: "working", pause: null });
    const canceled = as("cancel", "1", "--grace", "0s");
    expect(canceled.status).not.toBe(0);
    expect(canceled.stderr).toContain(`${pid} (sleep)`);
    expect(isAlive(pid)).toBe(true);
    const after = ticks();
    expect(JSON.parse(as("show", "1", "--json").stdout)).toMatchObject({ state: "canceled" });
    expect(ticks()).toBe(after);
  } finally {
    signalTo(pid, "SIGKILL");
    as("cancel", "--all", "--grace", "0s");
    as("daemon", "stop");
  }
});
