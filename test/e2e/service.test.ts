import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect } from "vitest";
import { launcher, startCommand } from "../harness/command.ts";
import { type Home, it, needsLinux, until } from "../harness/index.ts";

/** Installs a `systemctl` that notes its arguments and then runs `script`. Returns a function that reads the notes. */
function manager(home: Home, script = ""): () => string[] {
  const notes = home.file("told");
  const program = home.file("bin/systemctl");
  mkdirSync(dirname(program));
  writeFileSync(program, `#!/bin/sh\necho "$*" >>'${notes}'\n${script}\n`);
  chmodSync(program, 0o755);
  home.env.PATH = `${dirname(program)}:${home.env.PATH}`;
  home.env.XDG_CONFIG_HOME = home.file("config");
  return () => (existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : []);
}

/** The words of ExecStart and the variables, as systemd reads them. */
function meant(unit: string): { words: string[]; env: Record<string, string> } {
  const read = (line: string) =>
    [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) =>
      word.replace(/\\(.)/g, "$1").replaceAll("%%", "%").replaceAll("$$", "$"),
    );
  const lineOf = (key: string) => unit.split("\n").find((line) => line.startsWith(`${key}=`)) ?? "";
  const env = read(lineOf("Environment")).map((entry) => /^([^=]+)=(.*)$/s.exec(entry)?.slice(1) ?? []);
  return { words: read(lineOf("ExecStart")), env: Object.fromEntries(env) };
}

describe("daemon install", () => {
  beforeEach(({ skip }) => needsLinux(skip));

  it("writes a service that runs the daemon with its tasks, and removes it again", async ({ home }) => {
    const told = manager(home);
    const id = await home.run("sleep", "60");
    const pid = await until(async () => (await home.task(id)).pid);
    const { file, name, isActive } = await home.json("daemon", "install");
    expect([isActive, name]).toEqual([true, expect.stringMatching(/^agentctl-[0-9a-f]{8}\.service$/)]);
    expect(told()).toEqual(["--user daemon-reload", `--user enable --now ${name}`]);
    const unit = readFileSync(file, "utf8");
    expect(unit).toContain("KillMode=process");
    const { words, env } = meant(unit);
    expect(env).toEqual({ AGENTCTL_HOME: home.dir });
    const [program = "", ...args] = words;
    const daemon = startCommand(program, args, { env: home.env, cwd: home.work });
    const status = () => home.json("daemon", "status");
    await until(async () => (await status()).pid === daemon.pid);
    expect((await home.task(id)).pid).toBe(pid);
    expect(await home.json("daemon", "uninstall")).toMatchObject({ changed: true, file });
    expect(existsSync(file)).toBe(false);
    expect(told().slice(2)).toEqual([`--user disable --now ${name}`, "--user daemon-reload"]);
    expect(await home.json("daemon", "uninstall")).toMatchObject({ changed: false });
  });

  it("keeps the running daemon without a service manager, and says what to type", async ({ home }) => {
    manager(home, 'echo "Failed to connect to bus" >&2; exit 1');
    const id = await home.run("sleep", "60");
    await home.reaches(id, "working");
    const before = await home.json("daemon", "status");
    const { code, stdout, stderr } = await home.cli("daemon", "install");
    expect([code, stdout]).toEqual([1, expect.stringContaining("written to")]);
    expect(stderr).toContain("Failed to connect to bus");
    expect(stderr).toContain("systemctl --user daemon-reload && systemctl --user enable --now");
    expect((await home.json("daemon", "status")).pid).toBe(before.pid);
  });

  it("names any home in the service correctly, and changes nothing with --print", async ({ home }) => {
    manager(home);
    home.env.AGENTCTL_HOME = home.file('a "b" %h $c');
    const { code, stdout } = await home.cli("daemon", "install", "--print");
    expect([code, meant(stdout).env]).toEqual([0, { AGENTCTL_HOME: home.env.AGENTCTL_HOME }]);
    expect(existsSync(home.file("config"))).toBe(false);
    const inOwnHome = { ...home.env, AGENTCTL_HOME: "" };
    const { file } = await home.json("daemon", "install", { env: inOwnHome });
    expect(file).toBe(home.file("config/systemd/user/agentctl.service"));
  });

  it("starts by links on the PATH, which an upgrade moves on, but not by those of one shell", async ({
    home,
  }) => {
    manager(home);
    const [lasting, passing] = [home.file("links"), home.file("fnm_multishells/1/bin")];
    for (const folder of [lasting, passing]) {
      mkdirSync(folder, { recursive: true });
      symlinkSync(process.execPath, join(folder, "node"));
      symlinkSync(launcher, join(folder, "agentctl"));
    }
    const wordsWith = async (folder: string) => {
      const env = { PATH: `${folder}:/usr/bin:/bin` };
      return meant((await home.cli("daemon", "install", "--print", { env })).stdout).words;
    };
    const rest = ["daemon", "run"];
    expect(await wordsWith(lasting)).toEqual([
      join(lasting, "node"),
      "--",
      join(lasting, "agentctl"),
      ...rest,
    ]);
    const [node = "", , program] = await wordsWith(passing);
    expect([realpathSync(node), program]).toEqual([realpathSync(process.execPath), launcher]);
  });
});
