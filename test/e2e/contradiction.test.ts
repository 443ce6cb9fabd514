import { expect } from "vitest";
import { type Home, it, sqlite } from "../harness/index.ts";

/** Returns a task that the store calls working although nothing was ever started for it. */
async function saidToWork(home: Home): Promise<number> {
  const id = await home.run("--hold", "sleep", "60");
  sqlite(home, "update tasks set state = 'working', held = 0 where id = ?", [id]);
  return id;
}

it("repairs a working task without an attempt on pause, cancel and wait", async ({ home }) => {
  home.allowedInLog.push(/working in the store and has no attempt/);
  const paused = await saidToWork(home);
  const pause = await home.json("pause", `${paused}`);
  expect(pause.task).toMatchObject({
    state: "suspended",
    pause: { cause: "lost" },
    error: { name: "ProcessLost" },
  });
  expect(pause.changed).toBe(true);

  const canceled = await saidToWork(home);
  expect((await home.json("cancel", `${canceled}`)).task.state).toBe("canceled");

  const together = await saidToWork(home);
  const answers = await Promise.all([
    home.json("pause", `${together}`),
    home.json("pause", "--all", "--mode", "checkpoint"),
    home.json("pause", `${together}`, "--grace", "0s"),
  ]);
  expect(answers[0].task.state).toBe("suspended");
  await home.cli("resume", "--all");
  const { events } = await home.json("show", `${together}`);
  expect(events.filter(({ cause }: { cause: string }) => cause === "lost")).toHaveLength(1);

  const waited = await saidToWork(home);
  sqlite(home, "update tasks set on_lost = 'fail' where id = ?", [waited]);
  expect((await home.cli("wait", `${waited}`)).code).toBe(1);
});

it("suspends a working task as lost if its newest attempt has ended", async ({ home }) => {
  home.allowedInLog.push(/working in the store and has no attempt/);
  const id = await home.run("true");
  await home.cli("wait", `${id}`);
  sqlite(home, "update tasks set state = 'working', ended_at = null, result = null where id = ?", [id]);
  expect((await home.json("pause", `${id}`)).task).toMatchObject({
    state: "suspended",
    pause: { cause: "lost" },
  });
  expect((await home.cli("resume", `${id}`)).code).toBe(3);
});
