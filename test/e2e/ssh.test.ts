/** Another machine over a real sshd: what differs between a login there and a socket. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { closeHome, Home, it, needsMounts, processes, signalTo, sshdFor, until } from "../harness/index.ts";
import { noted, taskModule } from "./story.ts";

/** A machine with its own home. */
function laptop(): Home {
  const near = new Home();
  onTestFinished(async () => expect(await closeHome(near)).toEqual([]));
  return near;
}

const joined = (box: Home) =>
  processes(box.dir).filter(({ command }) => command.endsWith("agentctl.js daemon stdio"));

it("leaves no process on either machine after a command has ended or was cut off", async ({ home, skip }) => {
  const near = laptop();
  const { host } = await sshdFor(home, near, { skip });
  const ssh = () => processes(near.dir).filter(({ command }) => command.startsWith("ssh "));
  const noneIsLeft = (message: string) =>
    until(() => joined(home).length === 0 && ssh().length === 0, {
      message: `the end of ssh for ${message}`,
    });
  expect((await near.cli("run", "-f", "--host", host, "true")).code).toBe(0);
  await noneIsLeft("a command that ended");
  const id = await home.run("sleep", "60");
  const isWaiting = () => until(() => joined(home).length === 1, { message: "a command that waits" });
  const left = near.spawn("wait", `${id}`, "--host", host);
  await isWaiting();
  left.kill("SIGKILL");
  await noneIsLeft("a command that was killed");
  const cut = near.spawn("wait", `${id}`, "--host", host);
  await isWaiting();
  const [first] = joined(home);
  for (const { pid } of ssh()) signalTo(pid, "SIGKILL");
  await until(() => joined(home).every(({ pid }) => pid !== first?.pid), {
    message: "the end of the cut one",
  });
  cut.kill("SIGKILL");
  await noneIsLeft("a command that came back");
});

it("skips what login files there print, and shows it if nothing else comes", async ({ home, skip }) => {
  const near = laptop();
  const greeting = `printf 'Welcome to {"box"}!\\nhi> '`;
  const [greets, refuses] = [
    await sshdFor(home, near, { skip, lines: [`ForceCommand ${greeting}; exec $SSH_ORIGINAL_COMMAND`] }),
    await sshdFor(home, near, { skip, lines: ["ForceCommand echo This account is not available.; exit 1"] }),
  ];
  const ran = await near.cli("run", "--host", greets.host, "-f", "echo", "over it");
  expect(ran).toMatchObject({ code: 0, stdout: "over it\n" });
  const refused = await near.cli("list", "--host", refuses.host);
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain(`${refuses.host}: This account is not available.\n`);
});

it("ignores RequestTTY, RemoteCommand and forwardings of the ssh configuration", async ({ home, skip }) => {
  const near = laptop();
  const config = [
    "RequestTTY force",
    "RemoteCommand tmux attach",
    "LocalForward /nowhere/at/all 127.0.0.1:1",
    "ExitOnForwardFailure yes",
  ];
  const { host } = await sshdFor(home, near, { skip, config });
  const long = "x".repeat(10_000);
  const ran = await near.cli("run", "--host", host, "-f", "sh", "-c", 'printf "%s" "$1" | wc -c', "sh", long);
  expect(ran).toMatchObject({ code: 0, stdout: "10000\n" });
});

it("reports how ssh ended, and what helps if agentctl is not found", async ({ home, skip }) => {
  const near = laptop();
  const nowhere = await sshdFor(home, near, { skip, lines: ["ForceCommand agentctl-is-not-here"] });
  const missing = await near.cli("list", "--host", nowhere.host);
  expect(missing.code).toBe(5);
  expect(missing.stderr).toContain("(exit code 127)\n");
  const port = nowhere.host.split(":").at(-1);
  expect(missing.stderr).toContain(`ssh -p ${port} root@127.0.0.1 'echo $PATH'`);
  const { host } = await sshdFor(home, near, { skip });
  const asked = 'task.pausing.addEventListener("abort", () => note("asked")); await gate("go");';
  const id = await home.run(home.module(taskModule(`note("on"); ${asked}`)));
  await noted(home, 1);
  const pausing = near.spawn("pause", `${id}`, "--grace", "60s", "--host", host);
  await noted(home, 2);
  for (const { pid, command } of processes(near.dir))
    if (command.startsWith("ssh ")) signalTo(pid, "SIGKILL");
  const killed = await pausing.ended;
  expect(killed.code).toBe(5);
  expect(killed.stderr).toContain(
    "ssh was killed by SIGKILL before the answer, so the request may have been carried out\n",
  );
  expect(killed.stderr).toContain(`agentctl --host ${host} list shows how things stand`);
});

it("passes piped input to a machine that has none of the local files", async ({ home, skip }) => {
  needsMounts(skip);
  const near = laptop();
  near.env.TMPDIR = near.work;
  const alone = `ForceCommand unshare -m sh -c 'mount -t tmpfs none ${near.root} && exec $SSH_ORIGINAL_COMMAND'`;
  const { host } = await sshdFor(home, near, { skip, lines: [alone] });
  const input = "piped in\n".repeat(1_000_000);
  const ran = await near.cli("run", "--host", host, "-f", "--stdin", "-", "md5sum", { input });
  expect(ran).toMatchObject({ code: 0, stdout: `${createHash("md5").update(input).digest("hex")}  -\n` });
  expect(readdirSync(join(home.dir, "bundles"))).toEqual([]);
});
