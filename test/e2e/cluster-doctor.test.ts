import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Connection } from "../../src/store/postgres/index.ts";
import { type Home, isAlive, until } from "../harness/index.ts";
import { counting, it, withServer } from "./cluster-story.ts";

withServer();

const problemsOf = async (home: Home, ...options: string[]) =>
  ((await home.json("doctor", ...options)).problems as { what: string; mended: boolean }[])
    .map(({ what, mended }) => `${mended ? "mended: " : ""}${what}`)
    .sort();

it("reports a healthy machine as healthy, and faults in its processes, files and database", async ({
  cluster,
}) => {
  const { one, two, url } = cluster;
  const ended = (await one.json("run", "--on", "one", "--wait", "true")).id as number;
  const working = await one.run(
    "--on",
    "one",
    one.module(counting),
    "--input",
    JSON.stringify(one.file("enough")),
  );
  const frozen = await one.run("--on", "one", "sleep", "60");
  await one.reaches(frozen, "working");
  await one.reaches(working, "working");
  await one.cli("pause", `${frozen}`, "--mode", "freeze");
  for (const home of [one, two]) {
    const healthy = await home.cli("doctor");
    expect([healthy.code, healthy.stdout]).toEqual([
      0,
      expect.stringMatching(/^healthy: 3 tasks, 3 attempts/),
    ]);
  }

  const connection = new Connection(url, "test");
  try {
    const { rows } = await connection.query("select token from attempts where task_id = $1", [ended]);
    const left = spawn("sleep", ["61"], {
      env: { ...one.env, AGENTCTL_TOKEN: rows[0]?.token as string },
      stdio: "ignore",
    });
    chmodSync(join(one.dir, "cluster.json"), 0o644);
    const wrong = [
      "cluster.json has mode 0644: others can reach it",
      `process ${left.pid} (sleep) bear the marker of attempt 1 of task ${ended}, which has ended`,
    ].sort();
    await until(() => readFileSync(`/proc/${left.pid}/cmdline`, "utf8").startsWith("sleep"));
    expect(await problemsOf(one)).toEqual(wrong);
    expect(await problemsOf(one, "--repair")).toEqual(wrong.map((what) => `mended: ${what}`));
    expect(isAlive(left.pid as number)).toBe(false);
    await one.reaches(working, "working");

    await one.cli("pause", `${working}`);
    await connection.query("update checkpoints set sha256 = 'x' where task_id = $1", [working]);
    expect(await problemsOf(two)).toEqual([expect.stringContaining(`task ${working}`)]);
  } finally {
    await connection.close();
  }

  const file = join(two.dir, "cluster.json");
  const text = readFileSync(file, "utf8");
  await two.cli("daemon", "stop");
  writeFileSync(
    file,
    text.replace(/"url":"[^"]*"/, '"url":"postgres://agentctl@localhost/none?host=/nowhere"'),
  );
  expect(await problemsOf(two)).toEqual([expect.stringContaining("the database cannot be reached")]);
  expect((await two.cli("doctor")).code).toBe(1);
  writeFileSync(file, text);
}, 120_000);
