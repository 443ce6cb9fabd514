/** Databases, roles and addresses that are set up otherwise than ours. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeHome, Home } from "../harness/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";

let server: Postgres | undefined;

beforeAll(async () => {
  if (postgresPrograms()) server = await startPostgres({ fsync: true });
}, 120_000);
afterAll(() => server?.dispose());

const it = test.extend<{ database: Postgres; home: Home }>({
  database: async ({ skip }, use) => {
    skip(server === undefined, "needs PostgreSQL 15 or later, on Linux");
    await use(server as Postgres);
  },
  home: async ({ database: _ }, use) => {
    const home = new Home();
    await use(home);
    expect(await closeHome(home)).toEqual([]);
  },
});

it("works as it does elsewhere, whatever settings a role and an address have", async ({ database, home }) => {
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

it("refuses by name a database that cannot serve", async ({ database, home }) => {
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
  expect(await refusal(database.url("reads"))).toMatch(/^4 .*read_only is on\n.*alter role/);
  expect(await refusal(`${database.url("postgres")}&lock_timeout=5000`)).toMatch(
    /^6 .*lock_timeout is "5s" and not "0"\n.*not of a pooler such as PgBouncer/,
  );
  expect(await refusal("postgres://agentctl@/work", { PGHOST: "192.0.2.1" })).toMatch(
    /^4 .*192\.0\.2\.1 would be reached without TLS\n/,
  );
}, 120_000);
