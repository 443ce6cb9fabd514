/** Acknowledging a step in one statement of PostgreSQL, while others write at the same time. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acknowledgeAtOnce } from "../../src/store/postgres/acknowledge.ts";
import { Connection, makeSchema, PostgresStore } from "../../src/store/postgres/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";
import { until } from "../harness/until.ts";
import { KEPT, World } from "./world.ts";

describe.skipIf(!postgresPrograms())("a step in one statement", () => {
  let server: Postgres;
  let store: PostgresStore;
  let world: World;
  let writer: Connection;
  let other: Connection;

  beforeAll(async () => {
    server = await startPostgres();
    const url = server.url("postgres");
    [writer, other] = [new Connection(url, "writer"), new Connection(url, "other")];
    await makeSchema(other, { leaseMs: 15_000, keyCheck: "" });
    store = await PostgresStore.open(url, "here", { fault: () => {}, keepCheckpoints: () => KEPT });
    world = new World({
      store,
      reopen: async () => store,
      damage: () => {},
      fillDisk: () => () => {},
      dispose: () => {},
    });
    await store.setQueue("default", { slots: null });
  }, 120_000);

  afterAll(async () => {
    await Promise.all([store.close(), writer.close(), other.close()]);
    await server.dispose();
  });

  const step = (token: string, name: string, result = "1", epoch: number | null = null) =>
    acknowledgeAtOnce(writer, { token, machine: "here", epoch }, world.ofStep(name, { result }));
  const names = async (id: number) =>
    (await store.journal(id)).map(({ name, position }) => `${position} ${name}`);
  /** Resolves when the writer waits for a lock. */
  const waits = () =>
    until(async () => {
      const sql =
        "select 1 from pg_stat_activity where application_name = 'writer' and wait_event_type = 'Lock'";
      return (await other.query(sql, [])).rows.length > 0;
    });

  test("is journaled once, in its place among others", async () => {
    const { id, token } = await world.working();
    expect(await step(token, "first")).toEqual({ result: "1", added: true });
    await world.step(token, "second");
    expect(await step(token, "third")).toEqual({ result: "1", added: true });
    expect(await step(token, "first", "2")).toEqual({ result: "1", added: false });
    expect(await names(id)).toEqual(["1 first", "2 second", "3 third"]);
  });

  test("deletes what the step kept, and resets the count of losses", async () => {
    const { id, token, n } = await world.working();
    await store.keep(token, { base: 0, name: "kept", n: 0, value: "1" });
    await other.query("update tasks set losses = 2 where id = $1", [id]);
    expect(await step(token, "kept")).toMatchObject({ added: true });
    expect(await store.kept(id)).toEqual([]);
    expect(await store.get(id)).toMatchObject({ losses: 0, journaled: true, attempt: n });
  });

  test("does nothing for an attempt that has ended, or for a machine whose lease has ended", async () => {
    const { id, token } = await world.suspended();
    expect(await step(token, "late")).toBeUndefined();
    const working = await world.working();
    expect(await step(working.token, "late", "1", 7)).toBeUndefined();
    expect([await names(id), await names(working.id)]).toEqual([[], []]);
  });

  test("does nothing if another machine concludes the attempt at the same time", async () => {
    const { id, token } = await world.working();
    await other.script("begin; select 1 from event_counter for update");
    const late = step(token, "late");
    await waits();
    await other.query("update tasks set state = 'suspended' where id = $1", [id]);
    await other.query("update attempts set ended_at = 1 where task_id = $1", [id]);
    await other.script("commit");
    expect(await late).toBeUndefined();
    expect(await names(id)).toEqual([]);
  });

  test("is refused, and then done in a transaction, if another machine journals at the same time", async () => {
    const { id, token } = await world.working();
    await step(token, "first");
    await other.script("begin; select 1 from event_counter for update");
    const late = step(token, "late").catch((error: { code: string }) => error.code);
    const again = world.step(token, "again");
    await waits();
    await other.query(
      `insert into steps (task_id, position, kind, name, n, base, call, alone, attempt, started_at, ended_at, size, unused, result)
       values ($1, 2, 'ask', 'other', 0, 0, 1, 1, 1, 1, 1, 1, 0, '1')`,
      [id],
    );
    await other.script("commit");
    expect(await late).toBe("23505");
    expect(await again).toEqual({ result: expect.any(String), added: true });
    expect(await names(id)).toEqual(["1 first", "2 other", "3 again"]);
  });
});
