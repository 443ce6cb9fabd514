import { afterAll, beforeAll, describe, test } from "vitest";
import { Connection, makeSchema, PostgresStore } from "../../src/store/postgres/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";
import { storeSuite } from "./suite.ts";
import { type Backend, KEPT } from "./world.ts";

const damages = {
  flipped:
    "update checkpoints set data = decode(repeat('00', length(data)), 'hex') where task_id = $1 and seq = $2",
  truncated:
    "update checkpoints set data = substr(data, 1, length(data) - 1) where task_id = $1 and seq = $2",
  emptied: "update checkpoints set data = '' where task_id = $1 and seq = $2",
  missing: "delete from checkpoints where task_id = $1 and seq = $2",
};

let server: Postgres;
let isMade = false;

/** Makes the store as new. To create it again for each test would take a hundred times as long. */
const EMPTY = `${[
  "tasks",
  "events",
  "queues",
  "schedules",
  "hooks",
  "deliveries",
  "dependencies",
  "environments",
]
  .map((table) => `delete from ${table};`)
  .join("\n")}
  alter sequence messages_id_seq restart; alter sequence deliveries_id_seq restart;
  update event_counter set seq = 0, task = 0;
  drop function if exists is_full() cascade`;

/** Simulates a server with a full disk, as far as that is possible. */
const FULL = `create function is_full() returns trigger language plpgsql as
  $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
  create trigger is_full before insert on tasks for each row execute function is_full();
  create trigger is_full before insert on checkpoints for each row execute function is_full()`;

async function open(): Promise<Backend> {
  const url = server.url("postgres");
  const connection = new Connection(url, "test");
  if (isMade) await connection.script(EMPTY);
  else await makeSchema(connection, { leaseMs: 15_000, keyCheck: "" });
  isMade = true;
  const opened = () => PostgresStore.open(url, "here", { fault: () => {}, keepCheckpoints: () => KEPT });
  const backend: Backend & { store: PostgresStore } = {
    share: 0.1,
    store: await opened(),
    async reopen() {
      await backend.store.close();
      backend.store = await opened();
      return backend.store;
    },
    damage: async (id, seq, how) => {
      await connection.query(damages[how], [id, seq]);
    },
    fillDisk: async () => {
      await connection.script(FULL);
      return async () => void (await connection.script("drop function is_full() cascade"));
    },
    dispose: async () => {
      await backend.store.close();
      await connection.close();
    },
  };
  await backend.store.setQueue("default", { slots: 2 });
  return backend;
}

if (postgresPrograms()) {
  beforeAll(async () => {
    server = await startPostgres();
  }, 120_000);
  afterAll(() => server?.dispose());
  storeSuite("postgres", open);
} else {
  describe("postgres", () => {
    test("fulfils the contract of every store", ({ skip }) => skip(true, "needs PostgreSQL 15 or later"));
  });
}
