/** Another machine to reach over ssh: a real sshd on this machine, whose logins have a home of the tests. */
import { chmodSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "vitest";
import { launcher } from "./command.ts";
import type { Home } from "./home.ts";
import { isOnPath, needsRoot } from "./needs.ts";
import { until } from "./until.ts";

/** Writes the `agentctl` that a machine has on its PATH. Returns its folder. */
export function installed(box: Home): string {
  const bin = join(box.root, "bin");
  mkdirSync(bin, { recursive: true });
  const agentctl = join(bin, "agentctl");
  writeFileSync(agentctl, `#!/bin/sh\nexec "${process.execPath}" -- "${realpathSync(launcher)}" "$@"\n`);
  chmodSync(agentctl, 0o755);
  return bin;
}

/** A machine that `near` can reach. `host` is the value for `--host`. */
export interface Box {
  host: string;
}

/**
 * Starts an sshd for the logins of `box`, and makes the commands of `near` use its key. Skips the test if there is no
 * sshd. `lines` are for the configuration of the server, `config` for that of the client.
 */
export async function sshdFor(
  box: Home,
  near: Home,
  { skip, lines = [], config = [] }: { skip: TestContext["skip"]; lines?: string[]; config?: string[] },
): Promise<Box> {
  needsRoot(skip);
  const sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find((path) => existsSync(path));
  skip(!sshd || !isOnPath("ssh") || !isOnPath("ssh-keygen"), "needs openssh-server and ssh");
  const port = await freePort();
  const key = box.file("ssh-key");
  const made = await box.sh(`[ -e ${key} ] || ssh-keygen -qt ed25519 -N '' -f ${key}`);
  if (made.code !== 0) throw new Error(made.stderr);
  const path = [installed(box), "/usr/bin", "/bin"].join(delimiter);
  const server = box.file(`sshd_config-${port}`);
  writeFileSync(
    server,
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${key}`,
      "PidFile none",
      "UsePAM no",
      "StrictModes no",
      `AuthorizedKeysFile ${key}.pub`,
      "PermitRootLogin prohibit-password",
      `SetEnv AGENTCTL_HOME=${box.dir} PATH=${path}`,
      ...lines,
      "",
    ].join("\n"),
  );
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const running = box.start(sshd as string, "-D", "-e", "-f", server);
  await until(() => running.stderr.includes("Server listening"), { message: "sshd" });
  const client = near.file("ssh_config");
  const base = [
    "BatchMode yes",
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "LogLevel ERROR",
    `IdentityFile ${key}`,
  ];
  writeFileSync(client, `${[...config, ...base].join("\n")}\n`);
  near.env.AGENTCTL_SSH = near.script(`exec ssh -F "${client}" "$@"`, "ssh");
  return { host: `ssh://${userInfo().username}@127.0.0.1:${port}` };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
