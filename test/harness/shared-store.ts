/**
 * `AGENTCTL_TEST_STORE=postgres`: the `home` of each test is a cluster of one machine, with a database of its own on one
 * server for the whole run. What such a home cannot do makes its test skip.
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

/** Where the workers find the server: with `%` for the name of a database. */
const SERVER = "AGENTCTL_TEST_SERVER";
const TEMPLATE = "as_made";
const KEY = Buffer.alloc(32, 7);
/** A machine that is busy with other tests keeps it. */
const LEASE_MS = 120_000;
/** What limits a test's tasks are the slots of their queue. */
const SLOTS = 1000;

/** The server for a run, with a store that each home gets a copy of; undefined where homes have SQLite. */
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

/** Makes a home that has not begun a machine, where the run asks for it. */
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

/** Ends the test as skipped where the home's store is in PostgreSQL; `why` says what such a home does otherwise. */
export function needsOwnStore(home: { dir: string; skip: (reason: string) => void }, why: string): void {
  if (isShared(home)) home.skip(why);
}

/** Whether this home's store is in PostgreSQL. */
export function isShared({ dir }: { dir: string }): boolean {
  return existsSync(join(dir, "cluster.json"));
}
