import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { openFile } from "../../src/store/sqlite/file/driver.ts";
import {
  type Home,
  isAlive,
  it,
  needsOwnStore,
  processes,
  signalTo,
  sqlite,
  until,
} from "../harness/index.ts";
import { noted, notes, open, pidOf, taskModule } from "./story.ts";

interface Found {
  healthy: boolean;
  problems: { check: string; what: string; mend: string; mended: boolean }[];
}

/** The name of an environment that no task uses. */
const UNUSED = "0123456789abcdef".repeat(4);

/** Runs the doctor and returns its findings, sorted. Those that it mended begin with `mended:`. */
async function examined(home: Home, ...options: string[]): Promise<string[]> {
  const { healthy, problems } = (await home.json("doctor", ...options)) as Found;
  expect(healthy).toBe(problems.every(({ mended }) => mended));
  return problems.map(({ what, mended }) => `${mended ? "mended: " : ""}${what}`).sort();
}

/** Runs three tasks to their end and stops the daemon, so that a test can break the store. */
async function three(home: Home): Promise<[number, number, number]> {
  const ids = [await home.run("true"), await home.run("false"), await home.run("true")] as const;
  for (const id of ids) await home.cli("wait", `${id}`);
  await home.cli("daemon", "stop");
  return [...ids];
}

/** Runs a module that saves checkpoints, pauses it and stops the daemon. Returns the task's id. */
async function paused(home: Home): Promise<number> {
  const module = taskModule(`
    if (task.checkpoint) return task.checkpoint;
    for (const n of [1, 2]) await task.save(n);
    note("saved");
    await gate("go");
    await task.sleep(1);
    return "done";
  `);
  const id = await home.run(home.module(module, "saves.ts"));
  await noted(home, 1);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  await home.cli("daemon", "stop");
  return id;
}

it("finds nothing wrong in a busy home, with and without a daemon", async ({ home }) => {
  const working = await home.run("sleep", "60");
  const frozen = await home.run("sleep", "60");
  await home.cli("config", "set", "backup.every", "50ms");
  await pidOf(home, working);
  await pidOf(home, frozen);
  await home.cli("pause", `${frozen}`);
  const module = await home.run(
    home.module(taskModule(`await task.step("one", () => 1); note("on"); await gate("go");`)),
    "--queue",
    "default",
  );
  await home.cli("queue", "set", "default", "--slots", "4");
  await noted(home, 1);
  const healthy = await home.cli("doctor");
  expect([healthy.code, healthy.stdout]).toEqual([0, expect.stringMatching(/^healthy: 3 tasks, 3 attempts/)]);
  await home.cli("daemon", "stop", "--grace", "0s");
  expect(await examined(home)).toEqual([]);
  open(home);
  await home.cli("wait", `${module}`);
  expect(await examined(home)).toEqual([]);
});

it("finds nothing wrong without a home, and creates none", async ({ home }) => {
  expect((await home.cli("doctor")).code).toBe(0);
  expect(await home.daemonPid()).toBe(null);
});

it("finds and mends rows that contradict each other", async ({ home }) => {
  const one = await home.run("--hold", "true");
  const [done, two, three_] = await three(home);
  sqlite(home, "update tasks set state = 'working' where id = ?", [one]);
  sqlite(home, "update tasks set ended_at = null, frozen = 1 where id = ?", [two]);
  sqlite(home, "update attempts set ended_at = null where task_id = ?", [two]);
  sqlite(home, "update tasks set blocked_by = ?, after = '[]' where id = ?", [done, three_]);
  sqlite(home, "update sqlite_sequence set seq = 1 where name = 'tasks'");
  const db = openFile(join(home.dir, "agentctl.db"));
  db.pragma("foreign_keys = off");
  db.exec("insert into messages (task_id, text, at, actor) values (99, 'x', 0, 'user')");
  db.close();
  const wrong = [
    "1 rows of messages belong to no task",
    `attempt 1 of task ${two} has no end, and the task is failed`,
    `task ${one} is working and has no attempt under way`,
    `task ${two} is failed but is marked as frozen`,
    `task ${two} is failed and has no end time`,
    `the history of task ${one} ends in submitted, and it is working`,
    "the numbering of tasks is at 1, and there is a number 4",
  ].sort();
  expect(await examined(home)).toEqual(wrong);
  // A daemon still starts and serves requests.
  expect((await home.cli("daemon", "start")).code).toBe(0);
  const mended = await examined(home, "--repair");
  expect(mended.filter((what) => !what.startsWith("mended: "))).toEqual([]);
  expect(await examined(home)).toEqual([]);
  expect((await home.task(one)).state).toBe("suspended");
  expect(await home.run("true")).toBe(5);
});

it("finds and mends an illegal history of a task", async ({ home }) => {
  const [one, two, none] = await three(home);
  sqlite(home, "update events set to_state = 'suspended' where task_id = ? and to_state = 'working'", [one]);
  sqlite(home, "delete from events where task_id = ? and to_state = 'working'", [two]);
  sqlite(home, "delete from events where task_id = ?", [none]);
  expect((await examined(home)).map((what) => what.replace(/event \d+/, "event"))).toEqual(
    [
      `event of task ${one} goes from submitted to suspended, which is not a legal transition`,
      `event of task ${two} leaves working, and the task was submitted`,
      `task ${none} has no history`,
    ].sort(),
  );
  expect(await examined(home, "--repair")).toHaveLength(3);
  expect(await examined(home)).toEqual([]);
  expect((await home.json("show", `${one}`)).events.at(-1)).toMatchObject({ cause: "repair" });
});

it("finds damaged checkpoints, and names what a person has to choose", async ({ home }) => {
  const id = await paused(home);
  const { checkpoint } = await home.json("show", `${id}`);
  await home.cli("daemon", "stop");
  sqlite(home, "update checkpoints set data = x'00' where task_id = ? and seq = ?", [id, checkpoint.seq]);
  sqlite(home, "update checkpoints set size = 9 where task_id = ? and seq = 1", [id]);
  const found = (await home.json("doctor")) as Found;
  expect(found.problems.map(({ check, mend }) => [check, mend])).toEqual([
    ["checkpoints", "--repair deletes it: nothing goes on from it"],
    ["checkpoints", `agentctl resume ${id} --from 2 goes on from the newest good one`],
  ]);
  expect(await examined(home, "--repair")).toEqual([
    `checkpoint ${checkpoint.seq} of task ${id} does not fit its size and checksum`,
    `mended: checkpoint 1 of task ${id} does not fit its size and checksum`,
  ]);
  expect((await home.cli("resume", `${id}`, "--from", "2")).code).toBe(0);
  await home.reaches(id, "completed");
  expect(await examined(home, "--repair")).toEqual([
    `mended: checkpoint ${checkpoint.seq} of task ${id} does not fit its size and checksum`,
  ]);
});

it("finds a task that describes its checkpoint wrongly, and a gap in a journal", async ({ home }) => {
  const id = await paused(home);
  sqlite(home, "update tasks set checkpoint = json_set(checkpoint, '$.size', 99) where id = ?", [id]);
  sqlite(home, "update checkpoints set position = 7 where task_id = ? and seq = 1", [id]);
  const steps = [1, 2, 4].map(
    (position) => `(${id}, ${position}, 'step', 's', ${position}, 0, 0, 1, 1, 0, 0, 1, 0, '1')`,
  );
  sqlite(home, "delete from steps");
  sqlite(home, `insert into steps values ${steps.join(", ")}`);
  const gap = [
    `checkpoint 1 of task ${id} stands after call 7, and the journal has 3`,
    `the journal of task ${id} has 3 of its 4 acknowledged calls`,
  ];
  const described = expect.stringMatching(/^task \d+ has data about checkpoint \d that do not match/);
  expect(await examined(home)).toEqual([gap[0], described, gap[1]]);
  const mended = expect.stringMatching(/^mended: task \d+ has data about/);
  expect(await examined(home, "--repair")).toEqual([gap[0], mended, gap[1]]);
  expect((await home.cli("resume", `${id}`, "--from-start")).code).toBe(0);
});

it("finds files without an owner, wrong modes and a missing environment, and mends what it can", async ({
  home,
}) => {
  needsOwnStore(home, "it looks at the store's file and the caller's variables");
  const [one, two] = await three(home);
  const held = await home.run("--hold", "--env", "A=b", "true");
  const env = (await until(() => readdirSync(join(home.dir, "env"))))[0] as string;
  await home.cli("daemon", "stop");
  rmSync(join(home.dir, "env", env));
  writeFileSync(join(home.dir, "env", UNUSED), "{}", { mode: 0o600 });
  writeFileSync(join(home.dir, "run/1.1.run"), "# 0000000013\n", { mode: 0o600 });
  mkdirSync(join(home.dir, "logs/77"), { mode: 0o700 });
  mkdirSync(join(home.dir, "tasks/77"), { recursive: true, mode: 0o700 });
  chmodSync(join(home.dir, `logs/${one}/1.log`), 0o644);
  chmodSync(join(home.dir, `logs/${two}`), 0o755);
  writeFileSync(join(home.dir, `tasks/${one}/own`), "", { mode: 0o666 });
  const gone = `the environment of task ${held} is gone`;
  const mendable = [
    "1.1.run is of an attempt that is over",
    `${home.dir}/logs/77 belongs to a task that does not exist`,
    `${home.dir}/tasks/77 belongs to a task that does not exist`,
    `logs/${one}/1.log has mode 0644: others can reach it`,
    `logs/${two} has mode 0755: others can reach it`,
    `the environment ${UNUSED.slice(0, 12)} is kept, and no open task or schedule uses it`,
  ];
  expect(await examined(home)).toEqual([...mendable, gone].sort());
  expect(await examined(home, "--repair")).toEqual(
    [...mendable.map((what) => `mended: ${what}`), gone].sort(),
  );
});

it("finds and kills processes of ended and unknown attempts", async ({ home }) => {
  const [one] = await three(home);
  const { token } = sqlite(home, "select token from attempts where task_id = ?", [one])[0];
  const bear = (marker: string) =>
    spawn("sleep", ["61"], { env: { ...home.env, AGENTCTL_TOKEN: marker }, stdio: "ignore" });
  const ended = bear(token);
  const nobody = bear("nobody");
  const wrong = [
    `process ${ended.pid} (sleep) bear the marker of attempt 1 of task ${one}, which has ended`,
    `process ${nobody.pid} (sleep) bear the marker of no attempt`,
  ];
  await until(() => processes(home.root).length === 2);
  expect(await examined(home)).toEqual([...wrong].sort());
  expect(await examined(home, "--repair")).toEqual(wrong.map((what) => `mended: ${what}`).sort());
  expect([ended, nobody].some(({ pid }) => isAlive(pid as number))).toBe(false);
});

it("finds an attempt without a process, one that runs twice and a frozen one that runs", async ({ home }) => {
  const gone = await home.run("sleep", "60");
  const twice = await home.run("sleep", "60");
  const gonePid = await pidOf(home, gone);
  const twicePid = await pidOf(home, twice);
  await home.cli("queue", "set", "default", "--slots", "4");
  const thawed = await home.run("sleep", "60");
  const thawedPid = await pidOf(home, thawed);
  await home.cli("pause", `${thawed}`);
  const guardOf = (program: number) => processes(home.root).find(({ pid }) => pid === program)?.ppid ?? 0;
  const [goneGuard, twiceGuard] = [guardOf(gonePid), guardOf(twicePid)];
  await home.killDaemon();
  for (const pid of [goneGuard, gonePid]) signalTo(pid, "SIGKILL");
  const [shell = "", script = ""] = readFileSync(`/proc/${twiceGuard}/cmdline`, "utf8").split("\0");
  copyFileSync(join(home.dir, "run", `${twice}.1.run`), join(home.work, `${twice}.1.run`));
  const [name = "", value] = readFileSync(`/proc/${twiceGuard}/environ`, "utf8").split(/[=\0]/);
  const nowhere = openSync("/dev/null", "r+");
  const stdio = new Array(6).fill(nowhere);
  spawn(shell, [script, home.work, "boot", `${twice}.1`], { stdio, env: { [name]: value } });
  closeSync(nowhere);
  signalTo(thawedPid, "SIGCONT");
  await until(() => processes(home.root).filter(({ command }) => command === "sleep 60").length === 3);
  const wrong = [
    expect.stringMatching(`^attempt 1 of task ${twice} runs 2 times, as processes`),
    `attempt 1 of task ${gone} is working and has no process`,
    `task ${thawed} is frozen, and process ${thawedPid} of it can run`,
  ];
  const found = await examined(home);
  expect(found).toHaveLength(3);
  expect(found).toEqual(expect.arrayContaining(wrong));
  expect((await examined(home, "--repair")).every((what) => what.startsWith("mended: "))).toBe(true);
  expect((await home.task(gone)).pause).toMatchObject({ cause: "lost" });
  expect(isAlive(twicePid)).toBe(true);
  expect(processes(home.root).filter(({ command }) => command === "sleep 60")).toHaveLength(2);
  expect(await examined(home)).toEqual([]);
});

it("finds and stops a frozen task that somebody continued, even while its processes change", async ({
  home,
}) => {
  const id = await home.run("sh", "-c", "while :; do echo tick >> ticks; sleep 0.05; done");
  const pid = await pidOf(home, id);
  await noted(home, 1, "ticks");
  await home.cli("pause", `${id}`);
  const before = notes(home, "ticks").length;
  // A running daemon would stop the task again.
  await home.killDaemon();
  for (const one of [
    pid,
    ...processes(home.root)
      .filter(({ ppid }) => ppid === pid)
      .map((child) => child.pid),
  ])
    signalTo(one, "SIGCONT");
  await noted(home, before + 3, "ticks");
  const wrong = (mark: string) =>
    expect.stringMatching(
      `^${mark}task ${id} is frozen, and process(es)? ([\\d, ]+, )?${pid}(,[\\d, ]+)? of it can run$`,
    );
  expect(await examined(home)).toEqual([wrong("")]);
  expect(await examined(home, "--repair")).toEqual([wrong("mended: ")]);
  expect(await examined(home)).toEqual([]);
  expect(await home.json("show", `${id}`)).toMatchObject({ state: "suspended", pid });
  await home.cli("resume", `${id}`);
  await noted(home, notes(home, "ticks").length + 1, "ticks");
});

it("reports what is wrong with a store that no daemon can open", async ({ home }) => {
  needsOwnStore(home, "it looks at the store's file and the caller's variables");
  await three(home);
  const before = readFileSync(join(home.dir, "agentctl.db"));
  writeFileSync(join(home.dir, "agentctl.db"), Buffer.concat([Buffer.from("garbage"), before.subarray(7)]));
  const garbage = await home.cli("doctor", "--repair");
  expect([garbage.code, garbage.stdout]).toEqual([1, expect.stringContaining("file is not a database")]);
  writeFileSync(join(home.dir, "agentctl.db"), before);
  sqlite(home, "pragma user_version = 99");
  expect(await examined(home)).toEqual(["the store is of schema 99, this agentctl has 1"]);
  sqlite(home, "pragma user_version = 1");
  sqlite(home, "alter table tasks drop column env_names");
  const other =
    'another build of agentctl wrote the store, and its schema differs: its table tasks has no column "env_names text not null"';
  expect(await examined(home)).toEqual([other]);
  expect(await examined(home, "--repair")).toEqual([other]);
});

it("names a daemon that does not answer and the command that kills it, instead of waiting", async ({
  home,
}) => {
  needsOwnStore(home, "it looks at the store's file and the caller's variables");
  await home.run("--hold", "true");
  writeFileSync(join(home.dir, "env", UNUSED), "{}", { mode: 0o600 });
  const pid = (await home.daemonPid()) as number;
  signalTo(pid, "SIGSTOP");
  const { code, stderr } = await home.cli("doctor", "--repair");
  expect([code, stderr]).toEqual([5, expect.stringContaining(`kill -KILL ${pid} ends it`)]);
  signalTo(pid, "SIGKILL");
  expect(await home.cli("doctor", "--repair")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/mended: .*0123/),
  });
});

it("finds unusable settings, and a restart with them keeps the running daemon", async ({ home }) => {
  await home.run("true");
  const pid = await home.daemonPid();
  writeFileSync(join(home.dir, "config.json"), '{"log.maxBytes": "much"}', { mode: 0o600 });
  const restart = await home.cli("daemon", "restart");
  expect([restart.code, restart.stderr]).toEqual([2, expect.stringContaining("log.maxBytes")]);
  expect(await home.daemonPid()).toBe(pid);
  const found = await home.cli("doctor");
  expect([found.code, found.stdout]).toEqual([1, expect.stringContaining("config.json cannot be used")]);
  rmSync(join(home.dir, "config.json"));
  expect((await home.cli("doctor")).code).toBe(0);
});
