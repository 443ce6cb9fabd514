import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
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

/** Waits for a backup of the store's current state, and returns its path. */
async function backup(home: Home): Promise<string> {
  needsOwnStore(home, "a cluster is kept by pg_dump");
  const folder = join(home.dir, "backups");
  const names = () => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".db")) : []);
  const before = names();
  // The daemon makes a backup only after an interval and a change.
  await home.cli("config", "set", "backup.every", "50ms");
  await home.cli("queue", "set", "touched", "--slots", "1");
  const fresh = () => names().filter((name) => !before.includes(name));
  await until(() => fresh().length > 0, { message: "a backup" });
  await home.cli("config", "set", "backup.every", "0s");
  await until(() => !readdirSync(folder).some((name) => name.endsWith(".part")));
  return join(folder, fresh().sort().at(-1) as string);
}

it("restores a backup, keeps the old file, and never gives an id twice", async ({ home }) => {
  const kept = await home.run("--name", "kept", "echo", "kept");
  await home.reaches(kept, "completed");
  const file = await backup(home);
  const later = await home.run("echo", "later");
  await home.reaches(later, "completed");
  const event = (await home.rpc("tasks/subscribe", {})).seq;
  await home.cli("daemon", "stop");
  const before = readFileSync(join(home.dir, "agentctl.db"));
  const restored = await home.json("daemon", "restore", file);
  expect(restored).toMatchObject({ ok: true, backup: file, tasks: 1, open: 0, endedAttempts: 0 });
  expect(readFileSync(restored.replaced)).toEqual(before);
  expect((await home.cli("show", `${later}`)).code).toBe(3);
  expect((await home.task("kept")).state).toBe("completed");
  expect((await home.cli("logs", `${kept}`)).stdout).toBe("kept\n");
  const next = await home.run("echo", "next");
  expect(next).toBeGreaterThan(later);
  await home.reaches(next, "completed");
  expect((await home.cli("logs", `${next}`)).stdout).toBe("next\n");
  const { events } = await home.json("show", `${next}`);
  expect(events[0].seq).toBeGreaterThan(event);
});

it("restores what daemon backup has copied, in the home or elsewhere, and overwrites nothing", async ({
  home,
}) => {
  needsOwnStore(home, "a cluster is kept by pg_dump");
  const kept = await home.run("--hold", "--name", "kept", "true");
  const made = await home.cli("daemon", "backup");
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const [file = ""] = made.stdout.split("\n");
  await home.cli("config", "set", "backup.keep", "20");
  expect(file).toMatch(/\/backups\/[0-9TZ-]+-by-hand\.db$/);
  await home.run("--hold", "true");
  const copy = home.file("copy.db");
  expect(await home.json("daemon", "backup", "copy.db")).toEqual({ ok: true, changed: true, file: copy });
  expect(await home.cli("daemon", "backup", "copy.db")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("copy.db is there already"),
  });
  writeFileSync(home.file("other.db.part"), "precious");
  const many = await Promise.all(Array.from({ length: 4 }, () => home.cli("daemon", "backup")));
  expect(new Set(many.map(({ stdout }) => stdout)).size).toBe(4);
  expect(many.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect((await home.cli("daemon", "backup", "other.db")).code).toBe(0);
  expect(readFileSync(home.file("other.db.part"), "utf8")).toBe("precious");
  expect(await home.cli("daemon", "backup", "/not/there.db")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("/not/there.db cannot be written"),
  });
  await home.cli("daemon", "stop");
  expect(await home.json("daemon", "restore", copy)).toMatchObject({ tasks: 2 });
  expect(await home.json("daemon", "restore", basename(file))).toMatchObject({ tasks: 1 });
  expect((await home.json("list")).map(({ id }: { id: number }) => id)).toEqual([kept]);
});

it("keeps the files of tasks that the backup does not know, for the store that knows them", async ({
  home,
}) => {
  const twice = await home.run("--retries", "1", "--backoff", "0s", "sh", "-c", "echo try; exit 1");
  await home.reaches(twice, "failed");
  const file = await backup(home);
  const later = await home.run("sh", "-c", 'echo later; echo big > "$AGENTCTL_TASK_DIR/file"');
  await home.reaches(later, "completed");
  await home.cli("daemon", "stop");
  const restored = await home.json("daemon", "restore", file);
  expect(restored.setAside).toEqual([later]);
  // Neither the daemon's own clean-up nor doctor may touch these files.
  await home.cli("config", "set", "retention.age", "1d");
  expect((await home.cli("doctor", "--repair")).code).toBe(0);
  const next = await home.run("echo", "next");
  await home.reaches(next, "completed");
  expect((await home.cli("logs", `${next}`)).stdout).toBe("next\n");
  await home.cli("daemon", "stop");
  const back = await home.json("daemon", "restore", restored.replaced);
  expect(back.setAside).toEqual([next]);
  expect((await home.cli("logs", `${later}`)).stdout).toBe("later\n");
  expect(readFileSync(join(home.dir, "tasks", `${later}`, "file"), "utf8")).toBe("big\n");
  expect(readdirSync(join(home.dir, "logs", `${twice}`)).sort()).toEqual(["1.log", "2.log"]);
  // The corrupt store cannot tell which ids it has given. Files can, including those that were set aside.
  await home.cli("daemon", "stop");
  writeFileSync(join(home.dir, "agentctl.db"), "garbage ".repeat(2000));
  await home.json("daemon", "restore", file);
  expect(await home.run("true")).toBe(next + 1);
});

it("continues from a backup if the store is corrupt, with ids beyond the logs on disk", async ({ home }) => {
  await home.cli("run", "--wait", "true");
  const file = await backup(home);
  const later = await home.run("echo", "later");
  await home.reaches(later, "completed");
  await home.cli("daemon", "stop");
  writeFileSync(join(home.dir, "agentctl.db"), "garbage ".repeat(2000));
  const refused = await home.cli("list");
  expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining(`daemon restore ${file}`)]);
  expect((await home.cli("daemon", "restore", file)).code).toBe(0);
  expect(await home.run("true")).toBe(later + 1);
  expect(sqlite(home, "select max(seq) as seq from events")[0].seq).toBeGreaterThan(1_000_000);
});

it("refuses to restore while a daemon runs, and refuses invalid backups and other schemas", async ({
  home,
}) => {
  await home.cli("run", "--wait", "true");
  const file = await backup(home);
  const running = await home.cli("daemon", "restore", file);
  expect([running.code, running.stderr]).toEqual([4, expect.stringContaining("agentctl daemon stop")]);
  await home.cli("daemon", "stop");
  const before = readFileSync(join(home.dir, "agentctl.db"));
  const cut = join(home.dir, "backups/cut.db");
  writeFileSync(cut, readFileSync(file).subarray(0, 9000));
  expect((await home.cli("daemon", "restore", cut)).code).toBe(6);
  const garbage = home.script("no database");
  expect((await home.cli("daemon", "restore", garbage)).code).toBe(6);
  expect((await home.cli("daemon", "restore", "nowhere.db")).code).toBe(2);
  copyFileSync(file, cut);
  const newer = openFile(cut);
  newer.pragma("user_version = 99");
  newer.close();
  const refused = await home.cli("daemon", "restore", cut);
  expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining("schema 99")]);
  copyFileSync(file, cut);
  const other = openFile(cut);
  other.exec("alter table tasks drop column env_names");
  other.close();
  const { code, stderr } = await home.cli("daemon", "restore", cut);
  expect([code, stderr]).toEqual([6, expect.stringContaining("another build of agentctl wrote it")]);
  expect(readFileSync(join(home.dir, "agentctl.db"))).toEqual(before);
  expect(readdirSync(home.dir).filter((name) => name.includes("restoring"))).toEqual([]);
  expect((await home.json("list")).length).toBe(1);
});

it("kills processes that the backup does not know, so that nothing runs twice", async ({ home }) => {
  await home.cli("queue", "set", "one", "--slots", "1");
  await home.cli("queue", "hold", "one");
  const id = await home.run("--queue", "one", "sh", "-c", "echo on >> ran; exec sleep 60");
  const file = await backup(home);
  await home.cli("queue", "release", "one");
  const pid = await pidOf(home, id);
  await home.killDaemon();
  expect(await home.json("daemon", "restore", file)).toMatchObject({ open: 1, endedAttempts: 1 });
  expect(isAlive(pid)).toBe(false);
  await home.cli("queue", "release", "one");
  const again = await pidOf(home, id);
  const sleeping = () => processes(home.root).filter(({ command }) => command === "sleep 60");
  // The shell becomes `sleep` shortly after its pid is known.
  await until(() => sleeping().length > 0);
  expect(sleeping()).toEqual([expect.objectContaining({ pid: again })]);
  expect((await home.task(id)).attempt).toBe(1);
});

it("applies the usual recovery rules to a working task whose process is gone", async ({ home }) => {
  const id = await home.run("sh", "-c", "echo first; exec sleep 60");
  const saved = await home.run("--pause-mode", "checkpoint", "sh", "-c", "echo on >> starts; exec sleep 60");
  await pidOf(home, id);
  await pidOf(home, saved);
  const file = await backup(home);
  await home.killDaemon();
  for (const { pid } of processes(home.root)) signalTo(pid, "SIGKILL");
  await home.cli("daemon", "restore", file);
  expect(await home.json("show", `${id}`)).toMatchObject({ state: "suspended", pause: { cause: "lost" } });
  expect(await home.reaches(saved, "working")).toMatchObject({ attempt: 2 });
});

it("counts no time for an attempt that ended after the backup, however long a daemon ran since", async ({
  home,
}) => {
  const id = await home.run("--on-lost", "suspend", "sleep", "60");
  await pidOf(home, id);
  const file = await backup(home);
  await home.cli("cancel", `${id}`, "--grace", "0s");
  const { startedAt } = await home.task(id);
  await home.cli("daemon", "stop");
  await until(() => Date.now() - Date.parse(startedAt) > 3000, { message: "three seconds" });
  // The mark that a daemon leaves if another task still works.
  writeFileSync(join(home.dir, "daemon.seen"), "");
  await home.cli("daemon", "restore", file);
  await home.cli("daemon", "start");
  const { runMs } = await home.reaches(id, "suspended");
  expect(runMs).toBeLessThan(2000);
});

it("discards steps and checkpoints that a module made durable after the backup", async ({ home }) => {
  const source = taskModule(`
    for (let n = task.checkpoint ?? 0; n < 60; n++) {
      await task.step("work", () => note("worked " + task.attempt));
      await task.save(n + 1);
      if (n === 2) await gate("go");
    }
    note("done " + task.attempt);
    if (task.attempt === 1) await gate("never");`);
  const id = await home.run(home.module(source));
  await until(async () => (await home.task(id)).checkpoint?.seq === 3);
  const file = await backup(home);
  open(home);
  await noted(home, 61);
  const host = await pidOf(home, id);
  await home.killDaemon();
  signalTo(host, "SIGKILL");
  await until(() => !isAlive(host));
  await home.cli("daemon", "restore", file);
  expect(readdirSync(join(home.dir, "run")).filter((name) => name.endsWith(".steps"))).toEqual([]);
  await home.cli("daemon", "start");
  await home.reaches(id, "completed");
  expect(notes(home).filter((line) => line === "worked 2")).toHaveLength(57);
});

it("holds restored tasks whose environment was deleted, and gives them the caller's environment", async ({
  home,
}) => {
  const id = await home.run("--hold", "sh", "-c", "echo $FLAVOUR");
  const file = await backup(home);
  await home.cli("cancel", `${id}`);
  await home.cli("daemon", "stop");
  const restored = await home.json("daemon", "restore", file, { env: { FLAVOUR: "vanilla" } });
  expect(restored).toMatchObject({ open: 1, withoutEnvironment: [id] });
  expect(await home.json("show", `${id}`)).toMatchObject({ state: "submitted", waiting: { for: "hold" } });
  await home.cli("release", `${id}`);
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout).toBe("vanilla\n");
});

it("pauses a schedule whose environment went with its removal, and gives it that of the caller", async ({
  home,
}) => {
  await home.cli("schedule", "add", "nightly", "@daily", "--", "sh", "-c", "echo $FLAVOUR");
  const file = await backup(home);
  await home.cli("schedule", "remove", "nightly");
  await home.cli("daemon", "stop");
  const restored = await home.json("daemon", "restore", file, { env: { FLAVOUR: "vanilla" } });
  expect(restored).toMatchObject({ withoutEnvironment: [], pausedSchedules: ["nightly"] });
  expect(await home.json("schedule", "show", "nightly")).toMatchObject({ paused: true, nextAt: null });
  const { stdout: id } = await home.cli("schedule", "run", "nightly");
  await home.reaches(Number(id), "completed");
  expect((await home.cli("logs", id.trim())).stdout).toBe("vanilla\n");
});

it("leaves both stores intact if a restore is cut short, and creates no new store", async ({ home }) => {
  await home.cli("run", "--wait", "true");
  const file = await backup(home);
  await home.cli("daemon", "stop");
  // The state after a crash between the two renames.
  const database = join(home.dir, "agentctl.db");
  copyFileSync(file, `${database}.restoring`);
  renameSync(database, `${database}.replaced`);
  const refused = await home.cli("list");
  expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining(`daemon restore ${file}`)]);
  expect(existsSync(database)).toBe(false);
  expect((await home.cli("daemon", "restore", file)).code).toBe(0);
  expect((await home.json("list")).length).toBe(1);
});
