/** Databases, roles and addresses with an unusual configuration. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { closeHome, Home, processes, until } from "../harness/index.ts";
import { postgresPrograms } from "../harness/postgres.ts";
import { onServer, withServer } from "./cluster-story.ts";
import { running } from "./story.ts";

withServer();
const it = onServer();

it("works despite unusual settings of the database role and the address", async ({ database, home }) => {
  const settings = {
    statement_timeout: "'1ms'",
    lock_timeout: "'1ms'",
    default_transaction_isolation: "serializable",
    search_path: "nowhere",
    datestyle: "German",
    timezone: "'Asia/Kolkata'",
    standard_conforming_strings: "off",
    bytea_output: "escape",
  };
  database.sql("postgres", "create role odd login superuser");
  for (const [name, value] of Object.entries(settings))
    database.sql("postgres", `alter role odd set ${name} = ${value}`);
  database.sql("postgres", "create database odd");
  const url = database.url("odd").replace("agentctl@", "odd@");
  const given = `${url}&options=-c%20search_path%3Dpublic+-c+work_mem%3D5MB`;
  expect(await home.cli("cluster", "init", given, "--name", "one")).toMatchObject({ code: 0 });
  const id = await home.run("--name", "odd.name", "--", "sh", "-c", "echo grüße");
  await home.reaches(id, "completed");
  expect(await home.cli("list", "--name", "od?.*")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("odd.name"),
  });
  expect(await home.cli("machine", "set", "one", "--slots", "3")).toMatchObject({ code: 0, stderr: "" });
  database.sql("odd", "select 1 / count(*) from agentctl.tasks");
}, 120_000);

it("refuses an unsuitable database and names the reason", async ({ database, home }) => {
  for (const [name, encoding] of [
    ["ascii", "SQL_ASCII"],
    ["latin", "LATIN1"],
    ["reads", "UTF8"],
  ])
    database.sql("postgres", `create database ${name} encoding '${encoding}' template template0`);
  database.sql("postgres", "alter database reads set default_transaction_read_only = on");
  const refusal = async (address: string, env: Record<string, string> = {}) => {
    const { code, stderr } = await home.cli("cluster", "init", address, { env });
    return `${code} ${stderr}`;
  };
  expect(await refusal(database.url("ascii"))).toMatch(/^4 .*encoding SQL_ASCII.*\n.*createdb -E UTF8/);
  expect(await refusal(database.url("latin"))).toMatch(/^4 .*encoding LATIN1.*\n.*createdb -E UTF8/);
  expect(await refusal(database.url("reads"))).toMatch(/^6 .*read_only is on\n.*alter role/);
  expect(await refusal(`${database.url("postgres")}&lock_timeout=5000`)).toMatch(
    /^6 .*lock_timeout is "5s" and not "10s"\n.*not of a pooler such as PgBouncer/,
  );
  for (const several of ["postgres://agentctl@a:5432,b:5432/work", "postgres://agentctl@/work?host=a,b"])
    expect(await refusal(several)).toMatch(/^2 .*names several hosts: give one/);
  expect(await refusal("postgres://agentctl@/work", { PGHOST: "192.0.2.1" })).toMatch(
    /^4 .*192\.0\.2\.1 would be reached without TLS\n/,
  );
}, 120_000);

it("takes a password from a file, and names a missing password and a connection limit", async ({
  database,
  home,
}) => {
  const hba = join(database.folder, "data", "pg_hba.conf");
  writeFileSync(hba, `local all secret scram-sha-256\n${readFileSync(hba, "utf8")}`);
  for (const sql of [
    "set password_encryption = 'scram-sha-256'; create role secret login password 'p@ss:wörd' connection limit 1",
    "create database secret owner secret",
    "select pg_reload_conf()",
  ])
    database.sql("postgres", sql);
  const url = database.url("secret").replace("agentctl@", "secret@");
  const file = home.file("pgpass");
  writeFileSync(file, "*:*:*:secret:p@ss\\:wörd\n", { mode: 0o600 });
  const init = (env: Record<string, string> = {}) =>
    home.cli("cluster", "init", url, "--name", "one", { env });
  const missing = { code: 6, stderr: expect.stringMatching(/asks for a password, .*\n.*~\/\.pgpass/) };
  expect(await init()).toMatchObject(missing);
  const full = { code: 6, stderr: expect.stringMatching(/too many connections.*\n.*connection limit/) };
  expect(await init({ PGPASSFILE: file })).toMatchObject(full);
  database.sql("postgres", "alter role secret connection limit -1");
  const { code, stderr } = await init({ PGPASSFILE: file });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("Deprecation") });
  expect(await home.cli("daemon", "start")).toMatchObject(missing);
  home.allowedInLog.push(/asks for a password/);
}, 120_000);

it("continues from the older state after a dump is restored", async ({ database, home }) => {
  database.sql("postgres", "create database back");
  const url = database.url("back");
  const ends = (program: string, ...words: string[]) =>
    spawnSync(join(postgresPrograms() as string, program), ["-d", url, ...words]).status;
  const isThere = (rows: string) =>
    until(() => database.sql("back", `select 1 / count(*) from agentctl.${rows}`) === undefined, {
      everyMs: 200,
    });
  const init = await home.cli("cluster", "init", url, "--name", "one", "--slots", "4", "--start");
  expect(init).toMatchObject({ code: 0 });
  home.allowedInLog.push(/./);
  const [enough, dump] = [home.file("enough"), home.file("dump.sql")];
  const waits = ["sh", "-c", `echo begun; until test -e ${enough}; do sleep 0.05; done`];
  const known = await home.run("--", ...waits);
  // Without a recorded process the task would count as not started.
  await isThere("attempts where pid is not null");
  expect(ends("pg_dump", "-n", "agentctl", "-f", dump)).toBe(0);
  writeFileSync(enough, "");
  await home.reaches(known, "completed");
  rmSync(enough);
  const unknown = await home.run("--", ...waits);
  await home.reaches(unknown, "working");
  // Restores between two writes of the daemon. A deadlock is tried again.
  const strict = ["-q", "-1", "-v", "ON_ERROR_STOP=1"];
  await until(() => ends("psql", ...strict, "-c", "drop schema agentctl cascade", "-f", dump) === 0);
  // The store calls an ended task running and lacks a running one. The daemon finds both without a request.
  await isThere("tasks where state = 'suspended'");
  await until(() => !processes(home.root).some(({ command }) => command.startsWith("sh -c echo")));
  expect(await home.cli("resume", `${known}`, "--from-start")).toMatchObject({ code: 0, stderr: "" });
  writeFileSync(enough, "");
  await home.reaches(known, "completed");
  const next = await home.run("true");
  expect(next).toBe(unknown);
  expect(await home.cli("wait", `${next}`)).toMatchObject({ code: 0 });
}, 120_000);

it("leaves a cluster whose tables are gone", async ({ database, home }) => {
  database.sql("postgres", "create database gone");
  const url = database.url("gone");
  expect(await home.cli("cluster", "init", url, "--name", "one")).toMatchObject({ code: 0 });
  await home.reaches(await home.run("sleep", "100"), "working");
  database.sql("gone", "drop schema agentctl cascade");
  await home.killDaemon();
  expect(running(home, "sleep 100")).not.toEqual([]);
  expect(await home.cli("cluster", "leave")).toMatchObject({ code: 0, stderr: "" });
  expect(running(home, "sleep 100")).toEqual([]);
  expect(await home.cli("cluster", "init", url, "--name", "one")).toMatchObject({ code: 0 });
}, 120_000);

it("queues a task again while its role may not read its steps", async ({ database, home }) => {
  for (const sql of ["create role box login", "create database rights"]) database.sql("postgres", sql);
  const url = database.url("rights");
  const init = ["cluster", "init", url, "--name", "one", "--machine-role", "box"] as const;
  expect(await home.cli(...init)).toMatchObject({ code: 0 });
  const second = new Home();
  second.allowedInLog.push(/./);
  try {
    const join = ["cluster", "join", url.replace("agentctl@", "box@"), "--name", "two"] as const;
    expect(await second.cli(...join, "--key-file", `${home.dir}/cluster.key`)).toMatchObject({ code: 0 });
    const id = await second.run("--hold", "--", "true");
    database.sql("rights", "update agentctl.tasks set journaled = 1");
    database.sql("rights", "revoke select on agentctl.steps from box");
    expect(await second.cli("release", `${id}`)).toMatchObject({ code: 0 });
    const isAgain = "select 1 / count(*) from agentctl.events where cause = 'no-room'";
    await until(() => database.sql("rights", isAgain) === undefined, { everyMs: 200 });
    database.sql("rights", "grant select on agentctl.steps to box");
    expect((await second.reaches(id, "completed")).attempt).toBeGreaterThan(1);
  } finally {
    expect(await closeHome(second)).toEqual([]);
  }
}, 120_000);
