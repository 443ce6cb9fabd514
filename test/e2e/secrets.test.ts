import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, it, needsOwnStore, processes, until } from "../harness/index.ts";
import { noted, open, pidOf, taskModule } from "./story.ts";

const SECRET = "sk-live-0123456789abcdef";
const env = { API_KEY: SECRET };

/** Every file in the home that contains the text. */
function filesWith(home: Home, text: string, folder = home.dir): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .filter((path) => readFileSync(path).includes(text));
}

/** Leaves out the folders with the environments of open tasks and the start data of attempts. */
function elsewhere(home: Home, files: string[]): string[] {
  return files.filter((file) => !["env/", "run/"].some((folder) => file.startsWith(join(home.dir, folder))));
}

it("keeps a captured environment out of all outputs, the store, its backups and the logs", async ({
  home,
}) => {
  needsOwnStore(home, "a cluster keeps no variables of the caller");
  await home.cli("config", "set", "backup.every", "50ms");
  const id = await home.run("--name", "secretive", "sh", "-c", 'test -n "$API_KEY"; sleep 60', { env });
  const failing = await home.run("--env", `OTHER=${SECRET}`, "false", { env });
  const module = await home.run(home.module(taskModule('note("on"); await gate("go");')), { env });
  await noted(home, 1);
  await home.reaches(failing, "failed");
  await until(() => readdirSync(join(home.dir, "backups")).some((name) => name.endsWith(".db")));
  await home.cli("pause", `${id}`);
  const outputs = [
    ["list", "--all"],
    ["list", "--all", "--json"],
    ["show", `${id}`],
    ["show", `${id}`, "--json"],
    ["show", `${module}`, "--json"],
    ["events", "--after", "0"],
    ["logs", `${id}`],
    ["doctor", "--json"],
    ["daemon", "status", "--json"],
    ["daemon", "logs"],
    ["config", "list", "--json"],
    ["queue", "list", "--json"],
  ];
  for (const words of outputs) {
    const { code, stdout, stderr } = await home.cli(...words);
    expect([words, code]).toEqual([words, 0]);
    expect(stdout + stderr, words.join(" ")).not.toContain(SECRET);
  }
  const { events } = await home.rpc("tasks/subscribe", { after: 0 }).then(() => home.json("show", `${id}`));
  expect(JSON.stringify(events)).not.toContain(SECRET);
  expect(elsewhere(home, filesWith(home, SECRET))).toEqual([]);
  expect(filesWith(home, SECRET).map((file) => statSync(file).mode & 0o777)).toContain(0o600);
  expect(filesWith(home, SECRET).filter((file) => (statSync(file).mode & 0o077) !== 0)).toEqual([]);
  open(home);
});

it("deletes an environment from the disk when the last task that uses it has ended", async ({ home }) => {
  needsOwnStore(home, "a cluster keeps no variables of the caller");
  const ids = [];
  await home.cli("queue", "set", "default", "--slots", "4");
  for (let n = 0; n < 3; n++)
    ids.push(await home.run("sh", "-c", "while [ ! -e go ]; do sleep 0.02; done", { env }));
  const last = await home.run("--hold", "true", { env });
  open(home);
  for (const id of ids) await home.reaches(id, "completed");
  await until(() => filesWith(home, SECRET).length === 1, { message: "one file with the secret" });
  await home.cli("cancel", `${last}`);
  await until(() => filesWith(home, SECRET).length === 0, { message: "no file with the secret" });
});

it("keeps nothing of a submission that is refused or whose key exists already", async ({ home }) => {
  const id = await home.run("--hold", "--key", "once", "true");
  expect((await home.cli("run", "--queue", "nowhere", "true", { env })).code).toBe(3);
  expect(await home.run("--key", "once", "true", { env })).toBe(id);
  expect((await home.cli("rerun", `${id}`, { env })).code).toBe(4);
  expect(filesWith(home, SECRET)).toEqual([]);
});

it("deletes an environment that resume --refresh-env has replaced", async ({ home }) => {
  needsOwnStore(home, "a cluster keeps no variables of the caller");
  const id = await home.run("--pause-mode", "checkpoint", "sh", "-c", "echo $API_KEY >> seen; sleep 60", {
    env,
  });
  await noted(home, 1, "seen");
  await home.cli("pause", `${id}`);
  await home.cli("resume", `${id}`, "--refresh-env", { env: { API_KEY: "another" } });
  expect(filesWith(home, SECRET)).toEqual([]);
  await noted(home, 2, "seen");
  expect(readFileSync(home.file("seen"), "utf8")).toBe(`${SECRET}\nanother\n`);
});

it("captures no variables with --no-inherit-env", async ({ home }) => {
  const id = await home.run("--no-inherit-env", "--env", "MINE=1", "env", { env });
  await home.reaches(id, "completed");
  const names = (await home.cli("logs", `${id}`)).stdout.split("\n").map((line) => line.replace(/=.*/, ""));
  expect(names).toEqual(expect.arrayContaining(["HOME", "LANG", "MINE", "PATH", "SHELL", "USER"]));
  expect(names).not.toContain("API_KEY");
});

it("shows a task's token in no argument, log or output", async ({ home }) => {
  const id = await home.run("sh", "-c", "echo $AGENTCTL_TOKEN > token; exec sleep 60");
  await until(() => existsSync(home.file("token")) && readFileSync(home.file("token"), "utf8").length > 10);
  const token = readFileSync(home.file("token"), "utf8").trim();
  await pidOf(home, id);
  expect(processes(home.root).filter(({ command }) => command.includes(token))).toEqual([]);
  const { stdout } = await home.cli("show", `${id}`, "--json");
  expect(stdout).not.toContain(token);
  const files = elsewhere(home, filesWith(home, token));
  // The store and its backups contain the token.
  expect(files.filter((file) => !/agentctl\.db(-wal)?$|\/backups\//.test(file))).toEqual([]);
});

it("passes nothing of the daemon's own environment to a task", async ({ home }) => {
  await home.cli("daemon", "start", { env });
  const id = await home.run("--no-inherit-env", "env");
  const own = await home.run("env");
  await home.reaches(id, "completed");
  await home.reaches(own, "completed");
  for (const task of [id, own]) expect((await home.cli("logs", `${task}`)).stdout).not.toContain("API_KEY");
  const bearers = processes(SECRET);
  expect(bearers).toEqual([]);
});
