/**
 * With `AGENTCTL_TEST_STORE=postgres`, the `home` of each test is a cluster of one machine. Each has its own database
 * on one server for the whole run. A test that needs something that such a home cannot do is skipped.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyCheck } from "../../src/daemon/cluster/seal.ts";
import { writeClusterFile } from "../../src/home/cluster-file.ts";
import { ensureHomeId } from "../../src/home/identity.ts";
import { pathsOf } from "../../src/home/paths.ts";
import { addMachine, Connection, makeSchema } from "../../src/store/postgres/index.ts";
import { type Postgres, startPostgres } from "./postgres.ts";

/** The variable with the server's URL for the workers, in which `%` stands for the name of a database. */
const SERVER = "AGENTCTL_TEST_SERVER";
const TEMPLATE = "as_made";
const KEY = Buffer.alloc(32, 7);
/** Long enough that a machine that is busy with other tests keeps its lease. */
const LEASE_MS = 120_000;
/** More slots than a test needs, so that only the slots of the queue limit its tasks. */
const SLOTS = 1000;

/** Starts the server for a run, with a store of which each home gets a copy. Undefined if homes use SQLite. */
export async function startSharedStore(): Promise<Postgres | undefined> {
  if (process.env.AGENTCTL_TEST_STORE !== "postgres" || process.env[SERVER]) return undefined;
  const server = await startPostgres();
  server.sql("postgres", `create database ${TEMPLATE}`);
  const connection = new Connection(server.url(TEMPLATE), "test");
  await makeSchema(connection, { leaseMs: LEASE_MS, keyCheck: keyCheck(KEY) });
  await connection.close();
  process.env[SERVER] = server.url("%");
  return server;
}

/** Makes a new home a machine with its own database, if the run uses PostgreSQL. Returns a function that drops it. */
export async function joinSharedStore({ dir }: { dir: string }): Promise<() => Promise<void>> {
  const server = process.env[SERVER];
  if (!server) return async () => {};
  const database = `h${randomUUID().replaceAll("-", "")}`;
  const on = async (name: string, work: (connection: Connection) => Promise<unknown>) => {
    const connection = new Connection(server.replace("%", name), "test");
    try {
      await work(connection);
    } finally {
      await connection.close();
    }
  };
  await on("postgres", (connection) =>
    connection.script(`create database ${database} template ${TEMPLATE} strategy file_copy`),
  );
  mkdirSync(dir, { mode: 0o700 });
  writeFileSync(join(dir, "daemon.lock"), "", { mode: 0o600 });
  const paths = pathsOf({ AGENTCTL_HOME: dir, HOME: join(dir, "..") });
  const id = ensureHomeId(paths, randomUUID);
  await on(database, async (connection) => {
    await addMachine(connection, { name: "here", id, home: dir, slots: SLOTS, labels: {} });
    await connection.query("insert into queues (name, slots) values ('default', $1)", [2]);
  });
  writeClusterFile(paths, { url: server.replace("%", database), name: "here", key: KEY });
  return () => on("postgres", (connection) => connection.script(`drop database ${database} with (force)`));
}

/** Ends the test as skipped if the home's store is in PostgreSQL. `why` is the reason. */
export function needsOwnStore(home: { dir: string; skip: (reason: string) => void }, why: string): void {
  if (isShared(home)) home.skip(why);
}

/** Whether this home's store is in PostgreSQL. */
export function isShared({ dir }: { dir: string }): boolean {
  return existsSync(join(dir, "cluster.json"));
}
