import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { closeHome, Home, isOnPath, until } from "../harness/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";
import { onServer } from "./cluster-story.ts";

let server: Postgres | undefined;
const own = new Home();
const certificate = own.file("server.crt");

beforeAll(async () => {
  if (!postgresPrograms() || !isOnPath("openssl")) return;
  mkdirSync(own.work, { recursive: true });
  const key = own.file("server.key");
  const words = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost"];
  const names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate];
  expect(spawnSync("openssl", [...words, ...names]).status).toBe(0);
  server = await startPostgres({ fsync: true, tls: { key, certificate } });
}, 120_000);
afterAll(async () => {
  await server?.dispose();
  own.remove();
});

const it = onServer(() => server, "needs PostgreSQL 15 or later, on Linux, and openssl");

it("connects only to a database whose TLS certificate it can verify", async ({ database, home }) => {
  database.sql("postgres", "create database tls");
  const url = (query: string, host = "localhost") =>
    `postgres://agentctl@${host}:${database.port}/tls?${query}`;
  const init = (address: string) => home.cli("cluster", "init", address, "--name", "one");
  const trusted = `sslmode=verify-full&sslrootcert=${certificate}`;
  expect(await init(url("sslmode=verify-full"))).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/cannot be trusted: self-signed certificate\n.*sslrootcert/),
  });
  // The certificate is for another name.
  expect(await init(url(trusted, "127.0.0.1"))).toMatchObject({
    code: 6,
    stderr: expect.stringContaining("trusted"),
  });
  expect(await init(url("sslmode=require", "db.example"))).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("sslmode=verify-full"),
  });
  expect(await init(url(trusted))).toMatchObject({ code: 0 });
  const id = await home.run("true");
  await home.reaches(id, "completed");
  const { database: shown } = await home.json("cluster", "status");
  expect(shown).toContain("sslmode=verify-full");
});

it("lets a role that owns nothing join, and runs no tasks of other roles on its machine", async ({
  database,
  home,
}) => {
  database.sql("postgres", "create role box login; create role stranger login");
  database.sql("postgres", "create database shared");
  const as = (role: string) => database.url("shared").replace("agentctl@", `${role}@`);
  const first = ["--name", "one", "--slots", "0"] as const;
  expect(
    await home.cli("cluster", "init", as("agentctl"), ...first, "--machine-role", "nobody-here"),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("nobody-here"),
  });
  expect(await home.cli("cluster", "init", as("agentctl"), ...first, "--machine-role", "box")).toMatchObject({
    code: 0,
  });
  const mayMake = "select 1 / (not has_schema_privilege('box', 'agentctl', 'create'))::int";
  database.sql("shared", mayMake);
  const box = new Home();
  try {
    const key = ["--key-file", join(home.dir, "cluster.key")] as const;
    expect(await box.cli("cluster", "join", as("stranger"), ...key)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("permission denied"),
    });
    const given = [...key, "--name", "two", "--slots", "2"] as const;
    expect(await box.cli("cluster", "join", as("box"), ...given)).toMatchObject({ code: 0 });
    const waits = await home.cli("run", "--on", "two", "true");
    expect(waits.stderr).toBe(
      `task ${waits.stdout.trim()} waits: machine two is stopped; agentctl daemon start, on that machine\n`,
    );
    await home.cli("cancel", waits.stdout.trim());
    expect(await box.cli("machine", "set", "two", "--accept", "box")).toMatchObject({ code: 0 });
    const foreign = await home.run("true");
    const own = await box.run("true");
    await box.reaches(own, "completed");
    expect((await home.task(foreign)).waiting?.for).toBe("machine");
    expect(await box.cli("machine", "set", "two", "--accept", "all")).toMatchObject({ code: 0 });
    await box.reaches(foreign, "completed", 60_000);
  } finally {
    expect(await closeHome(box)).toEqual([]);
  }
});

it("completes a join and a leave that were cut short", async ({ database, home }) => {
  database.sql("postgres", "create database cut");
  const init = () => home.cli("cluster", "init", database.url("cut"), "--name", "one");
  const says = async (text: string) => {
    const id = await home.run("echo", text);
    await home.reaches(id, "completed");
  };
  const said = async () => (await home.cli("logs", "1")).stdout;
  await says("own");
  expect(await init()).toMatchObject({ code: 0 });
  // The state after a kill before the file is written, or after it is removed.
  rmSync(join(home.dir, "cluster.json"));
  expect(await said()).toBe("own\n");
  expect(await init()).toMatchObject({ code: 0, stdout: "this home is machine one\n" });
  await says("of the cluster");
  expect(await said()).toBe("of the cluster\n");
  expect(await home.cli("daemon", "stop")).toMatchObject({ code: 0 });
  rmSync(join(home.dir, "cluster.json"));
  expect(await said()).toBe("own\n");
  expect(readdirSync(join(home.dir, "left", "1"))).toContain("logs");
  expect(existsSync(join(home.dir, "alone"))).toBe(false);
});

it("hands tasks over and starts none if the cluster needs a newer version", async ({ database, home }) => {
  database.sql("postgres", "create database upgraded");
  const given = ["--name", "old", "--lease", "60s"] as const;
  expect(await home.cli("cluster", "init", database.url("upgraded"), ...given)).toMatchObject({ code: 0 });
  const module = home.module(`
    import { setTimeout as delay } from "node:timers/promises";
    import { defineTask } from "agentctl";
    export default defineTask(async (task) => {
      for (let n = 0; ; n++) await task.step("step " + n, () => delay(50));
    });`);
  const id = await home.run(module);
  await home.reaches(id, "working");
  // A newer schema that still supports this version changes nothing.
  database.sql("upgraded", "update agentctl.cluster set schema_version = 99");
  expect(await home.cli("daemon", "restart")).toMatchObject({ code: 0 });
  expect(await home.task(id)).toMatchObject({ state: "working", attempt: 1 });
  database.sql("upgraded", "update agentctl.cluster set min_version = 99");
  const waits = async () => {
    const { state, waiting } = await home.task(id);
    return state === "resumed" && waiting;
  };
  await until(waits, { deadlineMs: 80_000, message: "the task handed over" });
  const tooOld = { code: 6, stderr: expect.stringContaining("the cluster needs a newer agentctl") };
  expect(await home.cli("machine", "list")).toMatchObject(tooOld);
  expect(await home.cli("daemon", "stop")).toMatchObject({ code: 0 });
  expect(await home.cli("daemon", "start")).toMatchObject(tooOld);
  database.sql("upgraded", "update agentctl.cluster set min_version = 1");
  database.sql("upgraded", "alter table agentctl.tasks rename env_names to variables");
  const otherBuild = {
    code: 6,
    stderr: expect.stringMatching(/another build of agentctl made the cluster: .* tasks.env_names/),
  };
  expect(await home.cli("daemon", "start")).toMatchObject(otherBuild);
  database.sql("upgraded", "alter table agentctl.tasks rename variables to env_names");
});

it("keeps the daemon running if the home cannot enter a cluster, and says what helps", async ({
  database,
  home,
}) => {
  await home.cli("daemon", "start");
  const isRunning = async () => (await home.daemonPid()) !== null;
  const missing = await home.cli("cluster", "init", database.url("missing"), "--name", "one");
  expect(missing).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/"missing" does not exist\n.*check the address/),
  });
  expect(await isRunning()).toBe(true);
  const join = (file: string) => home.cli("cluster", "join", database.url("missing"), "--key-file", file);
  expect(await join("no.key")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^agentctl: --key-file: .*no\.key cannot be read: there is no such file\n/),
  });
  expect(await join(home.script("true"))).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/holds no key of a cluster\n.*cluster\.key is in the home/),
  });
  expect(await isRunning()).toBe(true);
});

it("continues the tasks of a machine that cannot leave, and says how to end what is frozen", async ({
  database,
  home,
}) => {
  database.sql("postgres", "create database frozen");
  await home.cli("cluster", "init", database.url("frozen"), "--name", "one");
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  expect(await home.cli("cluster", "leave")).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /machine one has open tasks: 1\n {2}agentctl list --on one; .*--mode checkpoint/,
    ),
  });
  expect(await home.daemonPid()).not.toBeNull();
  await home.reaches(id, "working");
  expect((await home.cli("pause", `${id}`, "--mode", "checkpoint", "--grace", "0s")).code).toBe(0);
  expect(await home.cli("cluster", "leave")).toMatchObject({ code: 0 });
});
