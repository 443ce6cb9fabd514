import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, it, needsOwnStore, sqlite, until } from "../harness/index.ts";

/** The tasks of a schedule, oldest first. */
async function runsOf(home: Home, name: string) {
  return await home.json("list", "--all", "--label", `schedule=${name}`);
}

async function addSchedule(home: Home, ...words: string[]): Promise<void> {
  const { code, stderr } = await home.cli("schedule", "add", ...words);
  expect([code, stderr]).toEqual([0, ""]);
}

/** Pretends that the planned time came `ago` ms ago, while no daemon was running. */
async function missed(home: Home, name: string, ago: number): Promise<void> {
  await home.killDaemon();
  const at = Date.now() - ago;
  sqlite(home, "update schedules set next_at = ?, fire_at = ? where name = ?", [at, at, name]);
  await home.cli("daemon", "start");
}

it("submits a task with its label and variables at each planned time", async ({ home }) => {
  await addSchedule(
    home,
    "tick",
    "* * * * * *",
    "--env",
    "X=y z",
    "--label",
    "a=b",
    "--",
    "sh",
    "-c",
    'echo "$X" "$1"',
    "-",
    "--tz",
  );
  const runs = await until(async () => {
    const tasks = await runsOf(home, "tick");
    return tasks.filter(({ state }: { state: string }) => state === "completed").length >= 2 && tasks;
  });
  expect(runs[0]).toMatchObject({ labels: { a: "b", schedule: "tick" }, schedule: "tick" });
  expect((await home.cli("logs", `${runs[0].id}`)).stdout).toBe("y z --tz\n");
  await home.cli("schedule", "pause", "tick");
  const paused = await home.json("schedule", "show", "tick");
  expect(paused).toMatchObject({
    paused: true,
    nextAt: null,
    cron: "* * * * * *",
    task: { labels: { a: "b" } },
  });
  expect(paused.lastTask).toBe((await runsOf(home, "tick")).at(-1).id);
  expect(JSON.stringify(paused)).not.toContain("y z");
});

it("shows when a schedule runs next in its time zone, and removes the schedule", async ({ home }) => {
  await addSchedule(
    home,
    "nightly",
    "30 2 * * *",
    "--tz",
    "Europe/Berlin",
    "--jitter",
    "5m",
    "--queue",
    "default",
    "true",
  );
  const [schedule] = await home.json("schedule", "list");
  expect(schedule).toMatchObject({
    name: "nightly",
    tz: "Europe/Berlin",
    overlap: "skip",
    missed: "run",
    jitterMs: 300_000,
  });
  const berlin = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", timeStyle: "short" });
  expect(["02:30", "03:00"]).toContain(berlin.format(new Date(schedule.nextAt)));
  const { stdout } = await home.cli("schedule", "run", "nightly");
  await home.reaches(Number(stdout), "completed");
  const again = await home.cli("schedule", "add", "nightly", "@daily", "true");
  expect([again.code, again.stderr]).toEqual([
    4,
    expect.stringContaining("agentctl schedule remove nightly"),
  ]);
  expect((await home.cli("schedule", "show", "nigthly")).stderr).toContain("did you mean nightly?");
  expect((await home.cli("schedule", "remove", "nightly")).code).toBe(0);
  expect(await home.json("schedule", "show", "nightly")).toMatchObject({
    error: { name: "ScheduleNotFound" },
  });
  expect((await home.cli("schedule", "pause", "nightly")).code).toBe(3);
});

it("replaces a schedule with --replace, and keeps its last run and its pause", async ({ home }) => {
  await home.cli("schedule", "add", "--replace", "tick", "0 5 * * *", "--tz", "UTC", "echo", "one");
  const ran = Number((await home.cli("schedule", "run", "tick")).stdout);
  await home.reaches(ran, "completed");
  await home.cli("schedule", "pause", "tick");
  const taken = await home.cli("schedule", "add", "tick", "0 6 * * *", "true");
  expect([taken.code, taken.stderr]).toEqual([
    4,
    expect.stringContaining("with --replace this one takes its place"),
  ]);

  const before = await home.json("schedule", "show", "tick");
  await home.cli("schedule", "add", "--replace", "tick", "0 6 * * *", "--tz", "UTC", "echo", "two");
  const schedule = await home.json("schedule", "show", "tick");
  expect(schedule).toMatchObject({
    cron: "0 6 * * *",
    paused: true,
    nextAt: null,
    task: { argv: ["echo", "two"] },
  });
  expect(schedule.lastTask).toBe(before.lastTask);
  await home.cli("schedule", "resume", "tick");
  expect((await home.json("schedule", "show", "tick")).nextAt).toMatch(/T06:00:00.000Z$/);
  expect(await home.json("schedule", "list")).toHaveLength(1);

  // With the same times the planned run stays, although a new jitter would be another one.
  const late = ["schedule", "add", "--replace", "tick", "0 6 * * *", "--tz", "UTC", "--jitter", "1h", "echo"];
  await home.cli(...late, "three");
  const fireAt = () => sqlite(home, "select fire_at from schedules")[0].fire_at;
  const planned = fireAt();
  await home.cli(...late, "four");
  expect(fireAt()).toBe(planned);
});

it("refuses an invalid time, time zone, queue or program, and stores nothing", async ({ home }) => {
  for (const [words, why] of [
    [["x", "61 * * * *", "true"], "five or six fields"],
    [["x", "@daily", "--tz", "Mars", "true"], "time zone"],
    [["x", "@daily", "--queue", "none", "true"], "queue set none"],
    [["x", "@daily"], "<program> is missing"],
    [["x", "@daily", "no-such-program"], "cannot start no-such-program"],
    [["x", "@daily", "--cwd", "/no/such", "true"], "--cwd: /no/such does not exist"],
  ] as const) {
    const { code, stderr } = await home.cli("schedule", "add", ...words);
    expect(code).toBeGreaterThan(1);
    expect(stderr).toContain(why);
  }
  expect(await home.json("schedule", "list")).toEqual([]);
});

it("makes up for missed runs once, or skips them", async ({ home }) => {
  await addSchedule(home, "made", "0 0 1 1 *", "true");
  await addSchedule(home, "passed", "0 0 1 1 *", "--missed", "skip", "true");
  for (const name of ["made", "passed"]) await missed(home, name, 40 * 86_400_000);
  await until(async () => (await runsOf(home, "made")).length === 1);
  await until(async () => Date.parse((await home.json("schedule", "show", "passed")).nextAt) > Date.now());
  expect(await runsOf(home, "passed")).toEqual([]);
  expect((await home.json("schedule", "show", "made")).lastAt).toMatch(/-01-01T|-12-31T/);
});

it("skips a run beside an open one, queues it or replaces the open one", async ({ home }) => {
  for (const overlap of ["skip", "queue", "replace"])
    await addSchedule(home, overlap, "0 0 1 1 *", "--overlap", overlap, "sleep", "300");
  for (const overlap of ["skip", "queue", "replace"]) await missed(home, overlap, 1000);
  const first = await until(async () => {
    const schedules = await home.json("schedule", "list");
    return schedules.every(({ lastTask }: { lastTask: number | null }) => lastTask !== null) && schedules;
  });
  // Another planned time passes while the runs are open.
  await home.killDaemon();
  for (const { name, lastTask } of first) {
    sqlite(home, "update tasks set key = key || ' earlier' where id = ?", [lastTask]);
    const at = Date.now() - 1000;
    sqlite(home, "update schedules set next_at = ?, fire_at = ? where name = ?", [at, at, name]);
  }
  await home.cli("daemon", "start");
  const states = async (name: string) =>
    (await runsOf(home, name)).map(({ state }: { state: string }) => state);
  await until(
    async () => (await states("replace"))[0] === "canceled" && (await states("queue")).length === 2,
  );
  await until(async () => Date.parse((await home.json("schedule", "show", "skip")).nextAt) > Date.now());
  expect(await states("skip")).toHaveLength(1);
  expect((await states("queue"))[1]).toBe("submitted");
  for (const { id } of await home.json("list")) await home.cli("cancel", `${id}`, "--grace", "0s");
});

it("treats a run that schedule run or rerun submitted like a planned one", async ({ home }) => {
  for (const overlap of ["skip", "queue", "replace"]) {
    await addSchedule(home, overlap, "0 0 1 1 *", "--overlap", overlap, "--hold", "true");
    const id = Number((await home.cli("schedule", "run", overlap)).stdout);
    expect(await home.json("schedule", "show", overlap)).toMatchObject({ lastTask: id });
    await home.cli("release", `${id}`);
    await home.reaches(id, "completed");
    await home.cli("rerun", `${id}`, "--delay", "1h");
    await home.cli("schedule", "run", overlap);
    await missed(home, overlap, 1000);
    await until(async () => Date.parse((await home.json("schedule", "show", overlap)).nextAt) > Date.now());
  }
  const open = async (name: string) =>
    (await runsOf(home, name)).filter(({ state }: { state: string }) => state === "submitted");
  expect(await open("skip")).toHaveLength(2);
  expect(await open("replace")).toHaveLength(1);
  const [again, byHand, planned] = await open("queue");
  expect(planned.after).toEqual([
    { id: again.id, when: "ended" },
    { id: byHand.id, when: "ended" },
  ]);
});

it("submits no run after a pause, even if a run was about to replace another", async ({ home }) => {
  await home.cli("config", "set", "cancel.grace", "2s");
  const stubborn = "trap 'echo asked >> asked' TERM; while :; do sleep 0.05; done";
  await addSchedule(home, "swap", "* * * * * *", "--overlap", "replace", "sh", "-c", stubborn);
  // The next run waits for the end of this one.
  await until(() => existsSync(home.file("asked")));
  await home.cli("schedule", "pause", "swap");
  const [{ id }] = await runsOf(home, "swap");
  await home.reaches(id, "canceled");
  await home.cli("run", "--wait", "sleep", "1.5");
  expect(await runsOf(home, "swap")).toHaveLength(1);
  expect(await home.json("schedule", "show", "swap")).toMatchObject({ paused: true, nextAt: null });
});

it("keeps its environment when the doctor mends the home, and is named when that is gone", async ({
  home,
}) => {
  await addSchedule(home, "nightly", "@daily", "--env", "KEY=mine", "--", "sh", "-c", "echo $KEY");
  expect(await home.json("doctor", "--repair")).toMatchObject({ healthy: true, problems: [] });
  const { stdout: id } = await home.cli("schedule", "run", "nightly");
  await home.reaches(Number(id), "completed");
  expect((await home.cli("logs", id.trim())).stdout).toBe("mine\n");
  needsOwnStore(home, "in a cluster the database has the variables, too");
  for (const name of readdirSync(join(home.dir, "env"))) rmSync(join(home.dir, "env", name));
  const { problems } = await home.json("doctor");
  expect(problems).toMatchObject([
    { check: "environments", what: "the environment of schedule nightly is gone" },
  ]);
  expect(await home.cli("schedule", "run", "nightly")).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /^agentctl: the environment of schedule nightly is gone\n {2}agentctl schedule add --replace/,
    ),
  });
});

it("submits a task at each interval of @every, and says how an interval is written", async ({ home }) => {
  await addSchedule(home, "poll", "@every  1s", "--", "true");
  await until(async () => (await runsOf(home, "poll")).length >= 2);
  const { cron, nextAt, lastAt } = await home.json("schedule", "show", "poll");
  expect(cron).toBe("@every 1s");
  expect((Date.parse(nextAt) - Date.parse(lastAt)) % 1000).toBe(0);
  const hint = "  quotes make one word of them: agentctl schedule add p '@every 90m' -- <program>\n";
  for (const words of [["@every", "90m"], ["90m"], ["every 90m"]])
    expect((await home.cli("schedule", "add", "p", ...words, "--", "true")).stderr).toContain(hint);
  expect((await home.cli("schedule", "add", "p", "@every day", "--", "true")).stderr).toContain(
    '"@every day" is refused: @every takes a duration; accepted are five or six fields',
  );
});

it("says of a run that its schedule can no longer make what must be there, and how to change it", async ({
  home,
}) => {
  const gone = home.file("gone");
  mkdirSync(gone);
  await addSchedule(home, "s", "@daily", "--cwd", gone, "--", "true");
  rmSync(gone, { recursive: true });
  const { code, stderr } = await home.cli("schedule", "run", "s");
  expect([code, stderr]).toEqual([
    4,
    `agentctl: schedule s cannot make its task: ${gone} does not exist\n` +
      "  agentctl schedule add --replace s <cron> <program> changes it\n",
  ]);
});

it("takes the tabs of a crontab, and says that an expression without quotes needs them", async ({ home }) => {
  await addSchedule(home, "tabs", " 30\t2 * *  MON-FRI", "--", "true");
  expect(await home.json("schedule", "show", "tabs")).toMatchObject({ cron: "30 2 * * MON-FRI" });
  const unquoted = await home.cli("schedule", "add", "daily", "0", "2", "*", "*", "*", "true");
  expect([unquoted.code, unquoted.stderr]).toEqual([
    2,
    'agentctl: <cron>: "0" has neither five nor six fields\n' +
      "  quotes make one word of them: agentctl schedule add daily '30 2 * * *' -- <program>\n",
  ]);
});

it("is refused where its queue has too few slots, and keeps its queue from being removed", async ({
  home,
}) => {
  await home.cli("queue", "set", "narrow", "--slots", "1");
  const wide = ["schedule", "add", "wide", "@daily", "--queue", "narrow", "--slots", "2", "--", "true"];
  expect(await home.cli(...wide)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("2 are more slots than queue narrow has: 1"),
  });
  await addSchedule(home, "nightly", "@daily", "--queue", "narrow", "--", "true");
  const removed = await home.cli("queue", "remove", "narrow");
  expect([removed.code, removed.stderr.split("\n")[0]]).toEqual([
    4,
    "agentctl: schedule nightly submits to queue narrow",
  ]);
  await home.cli("schedule", "remove", "nightly");
  expect((await home.cli("queue", "remove", "narrow")).code).toBe(0);
});
