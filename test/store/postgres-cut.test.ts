import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  Connection,
  keepBlob,
  listMachines,
  makeSchema,
  PostgresStore,
} from "../../src/store/postgres/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";
import { until } from "../harness/until.ts";

let server: Postgres | undefined;

beforeAll(async () => {
  if (!postgresPrograms()) return;
  server = await startPostgres();
  const connection = new Connection(server.url("postgres"), "test");
  await makeSchema(connection, { leaseMs: 15_000, keyCheck: "" });
  await connection.close();
}, 120_000);
afterAll(() => server?.dispose());

/** Cuts the connection of a statement that waits for `table`, `times` times, and then lets the statement run. */
async function cutOff(url: string, table: string, times: number): Promise<void> {
  const [locking, looking] = [new Connection(url, "test locks"), new Connection(url, "test looks")];
  const waiting = "from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  await locking.script(`begin; set idle_in_transaction_session_timeout = 0; lock ${table}`);
  void (async () => {
    try {
      const isWaiting = async () => (await looking.query(`select 1 ${waiting}`, [])).rows.length > 0;
      for (let time = 0; time < times; time++) {
        await until(isWaiting);
        await looking.query(`select pg_terminate_backend(pid, 5000) ${waiting}`, []);
      }
      await until(isWaiting);
    } finally {
      await locking.close();
      await looking.close();
    }
  })();
}

test("the store repeats a repeatable statement each time its connection is cut", async ({ skip }) => {
  if (!server) return skip(true, "needs PostgreSQL 15 or later");
  const url = server.url("postgres");
  const store = await PostgresStore.open(url, "here", { fault: () => {}, keepCheckpoints: () => 1 });
  onTestFinished(() => store.close());
  const file = { task: 1, name: "log", data: Buffer.from("end") };

  await cutOff(url, "agentctl.tasks", 2);
  expect(await store.counts()).toMatchObject({ working: 0 });
  await cutOff(url, "agentctl.blobs", 2);
  await keepBlob(store.files, file);
  await cutOff(url, "agentctl.machines", 2);
  expect(await listMachines(store.listener)).toEqual([]);
});
