/** Two homes that share one store, for the tests of a file. The tests are skipped without PostgreSQL. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeHome, Home } from "../harness/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";

const NO_SERVER = "needs PostgreSQL 15 or later, on Linux";

let server: Postgres | undefined;
let databases = 0;

/** Starts a server for the tests of the calling file, and stops it after them. */
export function withServer(): void {
  beforeAll(async () => {
    if (postgresPrograms()) server = await startPostgres({ fsync: true });
  }, 120_000);
  afterAll(async () => {
    await server?.dispose();
    server = undefined;
  });
}

export const PATIENT = { deadlineMs: 60_000, everyMs: 50 };

export interface Two {
  one: Home;
  two: Home;
  url: string;
  /** The key file for `cluster join`. */
  key: string;
}

/** A test with two homes that share one store. The lease is 5 s, and each home has two slots. */
export const it = test.extend<{ cluster: Two }>({
  cluster: async ({ skip }, use) => {
    skip(server === undefined, NO_SERVER);
    const { sql, url: of } = server as Postgres;
    const database = `c${++databases}`;
    sql("postgres", `create database ${database}`);
    const [one, two, url] = [new Home(), new Home(), of(database)];
    const key = join(one.dir, "cluster.key");
    try {
      const first = await one.cli("cluster", "init", url, "--name", "one", "--slots", "2", "--lease", "5s");
      expect(first).toMatchObject({ code: 0, stdout: "this home is machine one\n" });
      const given = ["--key-file", key, "--name", "two", "--slots", "2"] as const;
      expect(await two.cli("cluster", "join", url, ...given)).toMatchObject({ code: 0 });
      for (const home of [one, two]) expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
      await use({ one, two, url, key });
    } finally {
      expect([await closeHome(one), await closeHome(two)]).toEqual([[], []]);
    }
  },
});

/** Runs steps until the file `enough` exists. Each adds a line to a file: its number, home and variables. */
export const counting = `
  import { appendFileSync, existsSync, readFileSync } from "node:fs";
  import { setTimeout as delay } from "node:timers/promises";
  import { defineTask } from "agentctl";
  const { AGENTCTL_HOME, AGENTCTL_TASK_DIR, TOKEN = "-", SHELL_ONLY = "-" } = process.env;
  const file = AGENTCTL_TASK_DIR + "/lines";
  export default defineTask(async (task, enough) => {
    for (let n = 1; !existsSync(enough); n++)
      await task.step("step " + n, async () => {
        await delay(50);
        appendFileSync(file, [n, AGENTCTL_HOME, TOKEN, SHELL_ONLY].join(" ") + "\\n");
      });
    return readFileSync(file, "utf8").trim().split("\\n").map((line) => line.split(" "));
  });`;

/**
 * Returns a test with a database server, that of {@link withServer} or another one, and with a home that is not a
 * machine yet. Without a server the test is skipped with this reason.
 */
export function onServer(serverOf: () => Postgres | undefined = () => server, reason = NO_SERVER) {
  return test.extend<{ database: Postgres; home: Home }>({
    database: async ({ skip }, use) => {
      const server = serverOf();
      skip(server === undefined, reason);
      await use(server as Postgres);
    },
    home: async ({ database: _ }, use) => {
      const home = new Home();
      await use(home);
      expect(await closeHome(home)).toEqual([]);
    },
  });
}
