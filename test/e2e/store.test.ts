import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { openFile } from "../../src/store/sqlite/file/driver.ts";
import { type Home, isAlive, it, needsMounts, needsOwnStore, sqlite, until } from "../harness/index.ts";
import { type SmallDisk, smallDisk } from "./small-disk.ts";
import { noted, notes, open, pidOf, taskModule } from "./story.ts";

async function onSmallDisk(home: Home, story: (disk: SmallDisk) => Promise<void>): Promise<void> {
  needsOwnStore(home, "the disk is the server's");
  const disk = smallDisk(home);
  try {
    await home.cli("daemon", "start");
    await story(disk);
  } finally {
    await disk.release();
  }
}

/** Submits tasks until the store refuses one. Returns the ids that were acknowledged. */
async function untilFull(home: Home, disk: SmallDisk): Promise<number[]> {
  const ids: number[] = [];
  await disk.fill();
  for (let n = 0; n < 2000; n++) {
    const made = await home
      .rpc("tasks/create", { argv: ["echo", "x".repeat(20_000)], held: true })
      .catch((error) => error);
    if (!made.task) {
      expect(made.data.name).toBe("StoreUnavailable");
      return ids;
    }
    ids.push(made.task.id);
  }
  throw new Error("the disk is never full");
}

it("refuses writers with exit code 6 on a full disk, answers readers, and recovers with space", async ({
  home,
}) => {
  await onSmallDisk(home, async (disk) => {
    const working = await home.run("--stdin", "pipe", "sleep", "60");
    const held = await home.run("--hold", "true");
    await pidOf(home, working);
    const kept = await untilFull(home, disk);
    const writers = [
      ["run", "true"],
      ["pause", `${working}`],
      ["cancel", `${held}`],
      ["release", `${held}`],
      ["queue", "set", "other", "--slots", "1"],
      ["send", `${working}`, "x".repeat(10_000)],
    ];
    for (const words of writers) expect([words[0], (await home.cli(...words)).code]).toEqual([words[0], 6]);
    expect(await home.task(working)).toMatchObject({ state: "working", pause: null });
    expect((await home.json("list")).length).toBe(kept.length + 2);
    await disk.free();
    expect((await home.cli("run", "--wait", "true")).code).toBe(0);
    expect((await home.cli("pause", `${working}`)).code).toBe(0);
    expect((await home.json("list", "--all")).length).toBe(kept.length + 3);
  });
});

it("cancels the task that fills the disk, and names the tasks that a stop leaves running", async ({
  home,
  skip,
}) => {
  needsMounts(skip);
  await onSmallDisk(home, async (disk) => {
    await home.cli("queue", "set", "default", "--slots", "2");
    const quiet = await home.run("sleep", "60");
    const pid = await pidOf(home, quiet);
    // The task fills all free space until it is killed.
    const filler = await home.run("sh", "-c", "trap '' TERM; while :; do yes | head -c 100000; done");
    const submits = () => home.cli("run", "--hold", "true");
    await until(async () => (await submits()).code === 6, { message: "a full disk" });
    const { code, stdout } = await home.cli("doctor");
    expect([code, stdout]).toEqual([1, expect.stringMatching(/the disk that holds .* is full/)]);

    expect(await home.cli("cancel", `${filler}`, "--grace", "2s")).toMatchObject({
      code: 0,
      stdout: `task ${filler} canceled\n`,
    });
    expect(await home.task(filler)).toMatchObject({ state: "canceled" });

    await untilFull(home, disk);
    const stopped = await home.cli("daemon", "stop");
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain(`task ${quiet} could not be paused: the store cannot be used`);
    expect(isAlive(pid)).toBe(true);
    await disk.free();
    expect(await home.json("show", `${quiet}`)).toMatchObject({ state: "working", pid });
  });
});

it("lets tasks run and end while the disk is full, and records how they ended", async ({ home }) => {
  await onSmallDisk(home, async (disk) => {
    await home.cli("queue", "set", "default", "--slots", "4");
    const gate = 'while [ ! -e go ]; do sleep 0.02; done; echo "$0" >> ends;';
    const failing = await home.run("sh", "-c", `${gate} exit 7`, "failing");
    const module = await home.run(
      home.module(
        taskModule(`
      for (const n of [1, 2, 3]) await task.step("step " + n, async () => { note(n); if (n === 1) await gate("go"); });
      note("end");
    `),
      ),
    );
    await noted(home, 1);
    await pidOf(home, failing);
    const kept = await untilFull(home, disk);
    open(home);
    await until(() => notes(home, "ends").length === 1);
    // The step has ended but cannot be acknowledged, so the next one does not begin.
    await until(async () => (await home.cli("list")).code === 0);
    expect(notes(home)).toEqual(["1"]);
    await disk.free();
    expect(await home.reaches(failing, "failed")).toMatchObject({ exitCode: 7, attempt: 1 });
    expect(await home.reaches(module, "completed")).toMatchObject({ attempt: 1 });
    expect(notes(home)).toEqual(["1", "2", "3", "end"]);
    for (const id of kept) expect((await home.task(id)).state).toBe("submitted");
    expect((await home.cli("doctor")).stdout).toMatch(/^healthy/);
  });
});

it("keeps queued tasks while there is no space to start them, and starts them later", async ({ home }) => {
  await onSmallDisk(home, async (disk) => {
    await home.cli("queue", "set", "one", "--slots", "1");
    const first = await home.run("--queue", "one", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done");
    const next = await home.run("--queue", "one", "echo", "ran");
    const pid = await pidOf(home, first);
    await untilFull(home, disk);
    open(home);
    await until(() => !isAlive(pid));
    await disk.free();
    await home.reaches(first, "completed");
    await home.reaches(next, "completed", 20_000);
    expect((await home.cli("logs", `${next}`)).stdout).toBe("ran\n");
  });
});

it("refuses to start a daemon on a full disk, and starts it when there is space", async ({ home }) => {
  await onSmallDisk(home, async (disk) => {
    const id = await home.run("--hold", "true");
    await home.cli("daemon", "stop");
    const store = readFileSync(join(home.dir, "agentctl.db"));
    expect([5, 6]).toContain(await disk.listWhileFull());
    await disk.free();
    expect((await home.json("list")).map((task: { id: number }) => task.id)).toEqual([id]);
    expect(readFileSync(join(home.dir, "agentctl.db")).length).toBeGreaterThanOrEqual(store.length);
  });
});

it("resumes tasks that a stop paused once the next daemon has space to record that", async ({ home }) => {
  await onSmallDisk(home, async (disk) => {
    const count = 30;
    await home.cli("queue", "set", "default", "--slots", `${count}`);
    const task = JSON.stringify({ argv: ["sleep", "300"], pauseMode: "checkpoint" });
    await home.cli("batch", { input: Array.from({ length: count }, () => task).join("\n") });
    await until(async () => (await home.json("list", "--state", "working")).length === count);
    expect((await home.cli("daemon", "stop")).code).toBe(0);
    expect(await disk.listWithLittleRoom()).toBe(0);
    expect((await home.json("list", "--state", "suspended")).length).toBeGreaterThan(0);
    await disk.free();
    await until(async () => (await home.json("list", "--state", "working")).length === count);
  });
});

/** Makes a home with one ended task and a backup, and stops its daemon. */
async function stopped(home: Home): Promise<{ database: string; backup: string }> {
  needsOwnStore(home, "a cluster is kept by pg_dump");
  await home.cli("config", "set", "backup.every", "50ms");
  await home.cli("run", "--wait", "true");
  const folder = join(home.dir, "backups");
  await until(() => readdirSync(folder).some((name) => name.endsWith(".db")));
  await home.cli("daemon", "stop");
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith(".db"))
    .sort()
    .at(-1) as string;
  return { database: join(home.dir, "agentctl.db"), backup: join(folder, newest) };
}

const damages: [what: string, damage: (file: string) => void][] = [
  ["garbage in its header", (file) => overwrite(file, 0, "this is no database")],
  ["garbage in its middle", (file) => overwrite(file, Math.floor(statSync(file).size / 2), "x".repeat(5000))],
  ["its second half cut off", (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ["its last page cut", (file) => truncateSync(file, statSync(file).size - 1000)],
  ["nothing in it", (file) => truncateSync(file, 0)],
  ["another file in its place", (file) => writeFileSync(file, "PNG".repeat(20_000))],
  ["a newer schema", (file) => pragma(file, "user_version = 99")],
  ["the tables of another program", (file) => pragma(file, "user_version = 0")],
];

function overwrite(file: string, at: number, text: string): void {
  const bytes = readFileSync(file);
  bytes.write(text, at, "latin1");
  writeFileSync(file, bytes);
}

function pragma(file: string, text: string): void {
  const db = openFile(file);
  db.pragma("journal_mode = delete");
  db.pragma(text);
  db.close();
}

for (const [what, damage] of damages) {
  it(`refuses a store with ${what}, leaves it untouched and names the newest backup`, async ({ home }) => {
    const { database, backup } = await stopped(home);
    damage(database);
    const before = readFileSync(database);
    for (const words of [["list"], ["run", "true"]]) {
      const { code, stderr } = await home.cli(...words);
      expect([code, stderr]).toEqual([6, expect.stringContaining(`agentctl daemon restore ${backup}`)]);
    }
    expect(readFileSync(database).equals(before)).toBe(true);
    expect((await home.cli("daemon", "restore", backup)).code).toBe(0);
    expect((await home.json("list", "--all")).length).toBe(1);
  });
}

it("backs up automatically after a change, only then, and keeps the last few backups", async ({ home }) => {
  needsOwnStore(home, "a cluster is kept by pg_dump");
  const folder = join(home.dir, "backups");
  const count = () => readdirSync(folder).filter((name) => name.endsWith(".db")).length;
  await home.cli("config", "set", "backup.keep", "3");
  await home.cli("config", "set", "backup.every", "20ms");
  for (let n = 1; n <= 5; n++) {
    const id = await home.run("--hold", "true");
    await until(() => {
      const newest = readdirSync(folder)
        .filter((name) => name.endsWith(".db"))
        .sort()
        .at(-1);
      return (
        newest &&
        openFile(join(folder, newest), { readonly: true }).prepare("select 1 from tasks where id = ?").get(id)
      );
    });
  }
  expect(count()).toBeLessThanOrEqual(3);
  const before = readdirSync(folder);
  for (let n = 0; n < 5; n++) await home.cli("list");
  expect(readdirSync(folder)).toEqual(before);
});

it("makes no backup of a corrupt store, so that the good backups stay", async ({ home }) => {
  await home.cli("config", "set", "backup.keep", "1");
  const { database, backup } = await stopped(home);
  await home.cli("config", "set", "backup.every", "1d");
  await home.cli("daemon", "start");
  sqlite(home, "pragma wal_checkpoint(truncate)");
  overwrite(database, statSync(database).size - 4096, "\xff".repeat(4000));
  await home.cli("config", "set", "backup.every", "20ms");
  await home.cli("run", "--hold", "true");
  const log = () => readFileSync(join(home.dir, "daemon.log"), "utf8");
  await until(() => /a backup failed/.test(log()));
  const kept = readdirSync(join(home.dir, "backups")).filter((name) => name.endsWith(".db"));
  expect(kept).toEqual([backup.split("/").at(-1)]);
  await home.cli("daemon", "stop");
  await home.cli("daemon", "restore", backup);
});

it("says which package is missing when SQLite was not installed, and not that it is a bug", async ({
  home,
}) => {
  needsOwnStore(home, "a cluster needs no SQLite");
  const root = join(import.meta.dirname, "../..");
  const place = home.file("installation");
  for (const part of ["bin", "dist", "package.json"]) {
    cpSync(join(root, part), join(place, part), { recursive: true });
  }
  const launcher = join(place, "bin/agentctl.js");
  const { code, stderr } = await home.start(process.execPath, "--", launcher, "run", "true").ended;
  expect(code).toBe(6);
  expect(stderr).toMatch(/better-sqlite3(-12)? is not installed, .*\n {2}delete node_modules and install/);
  expect(stderr).not.toContain("a bug in agentctl");
});
