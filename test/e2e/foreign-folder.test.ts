/** Tests with a directory that AGENTCTL_HOME names by mistake, and with commands that only read. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type Home, it, needsOwnStore } from "../harness/index.ts";

/** Makes a project with folders that have the same names as folders of a home. */
function project(home: Home): string {
  const dir = home.file("site");
  for (const folder of ["env", "run", "tasks", "logs", "backups"])
    mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, "env/production"), "DB=x");
  writeFileSync(join(dir, "run/server.run"), "x");
  for (const path of [dir, join(dir, "env"), join(dir, "tasks")]) chmodSync(path, 0o755);
  return dir;
}

/** Names, modes and contents of everything in the directory. */
function pictureOf(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  return ["", ...names].map((name) => {
    const path = join(dir, name);
    const stat = statSync(path);
    return `${name} ${stat.mode.toString(8)} ${stat.isFile() ? readFileSync(path, "utf8") : ""}`;
  });
}

const commands: string[][] = [
  ["list"],
  ["run", "true"],
  ["config", "get", "hosts"],
  ["config", "set", "hosts", "1"],
  ["doctor", "--repair"],
  ["daemon", "run"],
  ["daemon", "stop"],
  ["daemon", "restore", "x.db"],
];

it("refuses a directory that is not a home in every command, before anything in it changes", async ({
  home,
}) => {
  const dir = project(home);
  const before = pictureOf(dir);
  const env = { AGENTCTL_HOME: dir };
  const answers = await Promise.all(commands.map((words) => home.json(...words, { env })));
  expect(answers.map(({ error }) => error?.name)).toEqual(commands.map(() => "HomeRefused"));
  expect(pictureOf(dir)).toEqual(before);
});

it("refuses the root folder and the user's own directory, even if that is empty", async ({ home }) => {
  for (const dir of ["/", home.work]) {
    const { code, stderr } = await home.cli("daemon", "start", { env: { AGENTCTL_HOME: dir } });
    expect([code, stderr]).toEqual([5, expect.stringContaining(`the home ${dir} is refused`)]);
    expect(stderr).toContain("AGENTCTL_HOME=");
  }
  expect(readdirSync(home.work)).toEqual([]);
});

describe("without a home", () => {
  it("answers commands that only read as for an empty home, and creates nothing", async ({ home }) => {
    needsOwnStore(home, "a machine of a cluster has a home");
    expect(await home.json("list")).toEqual([]);
    expect((await home.json("queue", "list")).map(({ name }: { name: string }) => name)).toEqual(["default"]);
    expect((await home.cli("wait", "--all")).code).toBe(0);
    expect((await home.cli("events")).stdout).toBe('{"snapshot":{"seq":0,"tasks":[]}}\n');
    for (const verb of ["show", "logs", "wait"])
      expect((await home.json(verb, "7")).error.name).toBe("TaskNotFound");
    expect(await home.json("schedule", "list")).toEqual([]);
    expect((await home.json("schedule", "show", "x")).error.name).toBe("ScheduleNotFound");
    for (const noun of ["checkpoint", "artifact"]) expect((await home.cli(noun, "list", "7")).code).toBe(3);
    expect((await home.cli("config", "get", "hosts")).code).toBe(0);
    expect((await home.cli("daemon", "status")).code).toBe(5);
    expect((await home.cli("daemon", "logs")).code).toBe(0);
    expect((await home.json("doctor")).healthy).toBe(true);
    expect(existsSync(home.dir)).toBe(false);
    mkdirSync(home.dir, { mode: 0o755 });
    expect(await home.json("list")).toEqual([]);
    expect([readdirSync(home.dir), statSync(home.dir).mode & 0o777]).toEqual([[], 0o755]);
  });

  it("follows the events of a home that is created later", async ({ home }) => {
    needsOwnStore(home, "a machine of a cluster has a home");
    const events = home.spawn("events", "-f");
    await expect.poll(() => events.stdout, { timeout: 60_000 }).toContain("snapshot");
    const id = await home.run("true");
    await home.reaches(id, "completed");
    await expect.poll(() => events.stdout, { timeout: 20_000 }).toContain('"to":"completed"');
  });
});

it("leaves files in a home alone that it did not name itself", async ({ home }) => {
  await home.cli("daemon", "start");
  await home.cli("daemon", "stop");
  const mine = ["notes.txt", "env/production", "run/server.run", "backups/mine.db", "tasks/readme"];
  for (const name of mine) writeFileSync(join(home.dir, name), "mine", { mode: 0o644 });
  expect((await home.json("doctor")).problems).toEqual([]);
  await home.cli("run", "-w", "true");
  await home.cli("doctor", "--repair");
  for (const name of mine) expect(statSync(join(home.dir, name)).mode & 0o777).toBe(0o644);
});
