/** A machine whose database no longer answers still shows its status and can be stopped. */
import { expect } from "vitest";
import { onServer, withServer } from "./cluster-story.ts";

withServer();
const it = onServer();
/** Makes each commit wait without end for a standby that does not exist. */
const HANG = ["alter system set synchronous_standby_names = 'gone'", "select pg_reload_conf()"];
const GO_ON = ["alter system reset synchronous_standby_names", "select pg_reload_conf()"];

it("stops a daemon whose database hangs or is gone, and continues when it is back", async ({
  database,
  home,
}) => {
  database.sql("postgres", "create database away");
  const init = [
    "cluster",
    "init",
    database.url("away"),
    "--name",
    "one",
    "--lease",
    "3s",
    "--start",
  ] as const;
  expect(await home.cli(...init)).toMatchObject({ code: 0 });
  home.allowedInLog.push(/./);
  const id = await home.run("sleep", "600");
  await home.reaches(id, "working");
  const all = (lines: readonly string[]) => lines.forEach((sql) => void database.sql("postgres", sql));
  const away = [
    { begins: () => all(HANG), ends: () => all(GO_ON), says: /^/ },
    {
      begins: () => database.stop("immediate"),
      ends: () => database.start(),
      says: /tasks +not known: .*database/,
    },
  ];
  for (const { begins, ends, says } of away) {
    await begins();
    try {
      expect(await home.cli("daemon", "status")).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(says),
      });
      const stopped = await home.cli("daemon", "stop");
      expect(stopped).toMatchObject({ code: 1, stdout: expect.stringContaining("daemon stopped, pid ") });
      expect(stopped.stderr).toMatch(new RegExp(`^task ${id} could not be paused: `));
    } finally {
      await ends();
    }
    expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
    // The task was not recorded as paused, so it has nothing to continue from.
    await home.reaches(id, "suspended");
    expect(await home.cli("resume", `${id}`, "--from-start")).toMatchObject({ code: 0 });
    await home.reaches(id, "working");
  }
}, 240_000);
