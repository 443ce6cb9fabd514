/** An administrator of the database locks tables that the machines need. */
import { expect, onTestFinished } from "vitest";
import { Connection } from "../../src/store/postgres/index.ts";
import { it, PATIENT, withServer } from "./cluster-story.ts";

withServer();

/** The connections of a machine: writer, reader, listener, relay, files. One more may be closing. */
const MOST_CONNECTIONS = 6;

it("reports that others have locked its tables, opens no more connections and continues afterwards", async ({
  cluster,
}) => {
  const { one, two, url } = cluster;
  for (const home of [one, two]) home.allowedInLog.push(/./);
  const id = await one.run("--on", "one", "sleep", "600");
  await one.reaches(id, "working", PATIENT.deadlineMs);
  const [admin, looking] = [new Connection(url, "admin"), new Connection(url, "looks")];
  onTestFinished(() => looking.close());
  await admin.script(
    "begin; set idle_in_transaction_session_timeout = 0; lock machines, tasks, event_counter",
  );
  try {
    const calls = [
      one.cli("list"),
      two.cli("run", "true"),
      two.cli("cluster", "status"),
      two.cli("pause", `${id}`),
    ];
    for (const { code, stderr } of await Promise.all(calls)) {
      expect(code).toBe(6);
      expect(stderr).toMatch(/others have locked its tables for more than 10 s\n +psql .*pg_blocking_pids/);
    }
    const open = "select count(*) as n from pg_stat_activity where application_name like 'agentctl two%'";
    expect((await looking.query(open, [])).rows[0]?.n).toBeLessThanOrEqual(MOST_CONNECTIONS);
  } finally {
    await admin.close();
  }
  expect(await two.cli("pause", `${id}`)).toMatchObject({ code: 0 });
  expect(await one.task(id)).toMatchObject({ state: "suspended", attempt: 1, machine: "one" });
}, 120_000);
