import { spawnSync } from "node:child_process";
import { expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, isAlive, it, needsOwnStore } from "../harness/index.ts";
import { needsLinux } from "../harness/needs.ts";
import { pidOf } from "./story.ts";

const under = (home: Home, what: string, ...words: string[]) => {
  const script = `${what}; exec ${launcher} "$@"`;
  const { status, stdout } = spawnSync("sh", ["-c", script, "sh", ...words], {
    cwd: home.work,
    env: home.env,
    encoding: "utf8",
  });
  expect(status).toBe(0);
  return stdout.trim();
};

it("gives a task the umask, limits and nice value of its caller, not of the daemon's starter", async ({
  home,
  skip,
}) => {
  needsLinux(skip);
  const first = under(home, "umask 077; ulimit -n 300", "run", "sleep", "60");
  const pid = await pidOf(home, Number(first));
  const daemon = await home.daemonPid();
  const script = "umask; ulimit -n; nice";
  const lower = under(home, "umask 027; ulimit -n 200", "run", "sh", "-c", script);
  await home.reaches(lower, "completed");
  expect((await home.cli("logs", lower)).stdout).toMatch(/^0027\n200\n/);
  expect(await home.daemonPid()).toBe(daemon);
  // The daemon cannot raise its limits so far. Another daemon replaces it, and the first task continues.
  const higher = under(home, "umask 022; ulimit -S -n 400", "run", "sh", "-c", script);
  await home.reaches(higher, "completed");
  expect((await home.cli("logs", higher)).stdout).toMatch(/^0022\n400\n/);
  expect(await home.daemonPid()).not.toBe(daemon);
  expect([isAlive(pid), (await home.task(first)).attempt]).toEqual([true, 1]);
});

it("gives a task the variables of its caller, and none of the daemon's starter", async ({ home, skip }) => {
  needsOwnStore(home, "the shell that submits gives nothing in a cluster");
  needsLinux(skip);
  await home.cli("daemon", "start");
  const { AGENTCTL_HOME = "", PATH = "" } = home.env;
  const bare = { AGENTCTL_HOME, PATH, "odd.name": "x\ny", "a b": "=" };
  const words = ["run", "-f", "--", "/usr/bin/env", "-0"];
  const givenBy = (env: NodeJS.ProcessEnv) => {
    const { status, stdout } = spawnSync(launcher, words, { cwd: home.work, env, encoding: "utf8" });
    expect(status).toBe(0);
    return stdout.split("\0").filter((text) => text !== "" && !text.startsWith("AGENTCTL_"));
  };
  const given = givenBy(bare);
  const path = given.find((text) => text.startsWith("PATH="));
  expect(path?.endsWith(`:${PATH}`)).toBe(true);
  const others = given.filter((text) => text !== path && !/^(_|OLDPWD|SHLVL)=/.test(text));
  expect(others.sort()).toEqual(["PYTHONUNBUFFERED=1", "a b==", "odd.name=x\ny"]);
  // A shell replaces a PWD that is not its own directory.
  for (const PWD of [home.work, "/elsewhere"])
    expect(givenBy({ ...bare, PWD }).filter((text) => text.startsWith("PWD="))).toEqual([`PWD=${PWD}`]);
  // The same holds inside a task, where another file starts agentctl.
  const inner = "env PWD=/elsewhere agentctl run env";
  const outer = await home.run("sh", "-c", inner);
  await home.reaches(outer, "completed");
  const nested = (await home.cli("logs", `${outer}`)).stdout.trim();
  await home.reaches(nested, "completed");
  expect((await home.cli("logs", nested)).stdout).toContain("\nPWD=/elsewhere\n");
  // A caller that passes only some variables, or none, gets the usual ones.
  const id = await home.run("--no-inherit-env", "sh", "-c", "echo $HOME");
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout.trim()).not.toBe("");
});
