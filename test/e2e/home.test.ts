import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { type Home, it, needsMounts, needsOwnStore, needsRoot, OtherUser, until } from "../harness/index.ts";
import { noted, open, pidOf, taskModule } from "./story.ts";

const isRoot = process.getuid?.() === 0;
/** Another user: `nobody` on most systems. */
const NOBODY = 65_534;

/** Starts a daemon for another home and returns its exit code and stderr. */
async function started(home: Home, dir: string): Promise<[number, string]> {
  const { code, stderr } = await home.cli("daemon", "start", { env: { AGENTCTL_HOME: dir } });
  return [code, stderr];
}

async function stopped(home: Home, ...dirs: string[]): Promise<void> {
  for (const dir of dirs) await home.cli("daemon", "stop", { env: { AGENTCTL_HOME: dir } });
}

it("refuses a home that belongs to someone else", async ({ home }) => {
  needsOwnStore(home, "the home is a machine already");
  mkdirSync(home.dir);
  if (isRoot) chownSync(home.dir, NOBODY, NOBODY);
  const dir = isRoot ? home.dir : "/usr";
  const before = readdirSync(dir);
  expect(await started(home, dir)).toEqual([5, expect.stringMatching(/belongs to user \d+, and you are/)]);
  expect(readdirSync(dir)).toEqual(before);
});

it("refuses a home that others may write to, names the fix and changes nothing", async ({ home }) => {
  needsOwnStore(home, "the home is a machine already");
  mkdirSync(home.dir);
  chmodSync(home.dir, 0o777);
  expect(await started(home, home.dir)).toEqual([5, expect.stringContaining(`chmod 700 ${home.dir}`)]);
  expect([statSync(home.dir).mode & 0o777, readdirSync(home.dir)]).toEqual([0o777, []]);
  chmodSync(home.dir, 0o755);
  expect((await started(home, home.dir))[0]).toBe(0);
  expect(statSync(home.dir).mode & 0o777).toBe(0o700);
});

it("refuses a file in place of a home, and a symlink that leads nowhere", async ({ home }) => {
  writeFileSync(home.file("file"), "mine");
  symlinkSync(home.file("nowhere"), home.file("dangling"));
  for (const name of ["file", "dangling"]) {
    expect(await started(home, home.file(name))).toEqual([5, expect.stringContaining(home.file(name))]);
  }
  expect((await started(home, home.file("file/below")))[0]).toBe(5);
});

it("refuses a home that is not writable, and says so", async ({ home, skip }) => {
  if (isRoot) needsMounts(skip);
  const dir = home.file("frozen");
  mkdirSync(dir, { mode: 0o700 });
  if (isRoot) execFileSync("mount", ["-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", dir]);
  else chmodSync(dir, 0o500);
  try {
    expect(await started(home, dir)).toEqual([5, expect.stringMatching(/read-only|permission denied/)]);
  } finally {
    if (isRoot) execFileSync("umount", [dir]);
    else chmodSync(dir, 0o700);
  }
});

it("refuses a home in which the kernel allows no folder, at the first attempt", async ({ home }) => {
  const { code, stderr } = await home.cli("daemon", "start", {
    env: { AGENTCTL_HOME: "/proc/nope" },
    timeoutMs: 10_000,
  });
  expect(code).toBe(5);
  expect(stderr).toContain("the home /proc/nope is refused");
});

it("follows a user's symlink to a user's folder, with one daemon for both names", async ({ home }) => {
  needsOwnStore(home, "the home is a machine already");
  mkdirSync(home.dir, { mode: 0o700 });
  const link = home.file("link");
  symlinkSync(home.dir, link);
  const id = await home.run("--hold", "true", { env: { AGENTCTL_HOME: link } });
  expect((await home.task(id)).state).toBe("submitted");
  const status = await home.json("daemon", "status", { env: { AGENTCTL_HOME: link } });
  expect(status.pid).toBe(await home.daemonPid());
});

it("refuses a symlink of another user, wherever it leads", async ({ home, skip }) => {
  needsOwnStore(home, "the home is a machine already");
  needsRoot(skip);
  mkdirSync(home.dir, { mode: 0o700 });
  symlinkSync(home.dir, home.file("link"));
  lchownSync(home.file("link"), NOBODY, NOBODY);
  expect(await started(home, home.file("link"))).toEqual([5, expect.stringContaining("belongs to user")]);
});

it("puts the sockets of homes with long paths into the runtime directory, one for each home", async ({
  home,
}) => {
  const runtime = home.file("runtime");
  mkdirSync(runtime, { mode: 0o700 });
  home.env.XDG_RUNTIME_DIR = runtime;
  const long = (end: string) => join(home.root, "x".repeat(200), end);
  const homes = [long("one"), long("two")];
  const sockets = [];
  for (const dir of homes) {
    const env = { AGENTCTL_HOME: dir };
    expect((await home.cli("run", "--wait", "--", "sh", "-c", "exit 3", { env })).code).toBe(3);
    const status = await home.json("daemon", "status", { env });
    expect(dirname(status.socket)).toBe(runtime);
    expect(lstatSync(status.socket).mode & 0o777).toBe(0o600);
    expect((await home.cli("daemon", "status", { env })).stdout).toContain(status.socket);
    expect((await home.json("list", "--all", { env })).length).toBe(1);
    sockets.push(status.socket);
  }
  expect(new Set(sockets).size).toBe(2);
  // A client finds the daemon by the home only: cron has no runtime directory, and another session has another one.
  delete home.env.XDG_RUNTIME_DIR;
  const other = home.file("other");
  mkdirSync(other, { mode: 0o700 });
  const dir = homes[0] as string;
  const { pid } = await home.json("daemon", "status", {
    env: { AGENTCTL_HOME: dir, XDG_RUNTIME_DIR: runtime },
  });
  for (const caller of [{}, { XDG_RUNTIME_DIR: other }, { XDG_RUNTIME_DIR: home.file("gone") }]) {
    const env = { AGENTCTL_HOME: dir, ...caller };
    expect(await home.json("daemon", "status", { env })).toMatchObject({ pid, socket: sockets[0] });
    expect((await home.json("list", "--all", { env })).length).toBe(1);
  }
  expect(readdirSync(other)).toEqual([]);
  await stopped(home, ...homes);
  expect(sockets.filter(existsSync)).toEqual([]);
});

it("puts the socket of a long path into a private folder without a runtime directory", async ({ home }) => {
  home.env.TMPDIR = home.file("tmp");
  mkdirSync(home.env.TMPDIR);
  const dir = join(home.root, "y".repeat(200));
  const { socket } = await home.json("daemon", "start", { env: { AGENTCTL_HOME: dir } });
  expect(socket.startsWith(home.env.TMPDIR)).toBe(true);
  expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  await stopped(home, dir);
});

it("works in a home whose name has spaces, quotes, dollars and a line break", async ({ home }) => {
  const dir = join(home.root, `a "b" 'c' $HOME \\ \n d`);
  const env = { AGENTCTL_HOME: dir };
  const made = await home.cli("run", "--wait", "--", "sh", "-c", 'echo "$AGENTCTL_HOME"; exit 4', { env });
  expect(made.code).toBe(4);
  expect((await home.cli("logs", "1", { env })).stdout).toBe(`${dir}\n`);
  expect((await home.cli("doctor", { env })).code).toBe(0);
  await stopped(home, dir);
});

/** Everything in the folder that others could reach, with its mode. */
function reachable(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .flatMap((path) => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      // The file was a backup that has been rotated meanwhile.
      if (!stat) return [];
      const { mode } = stat;
      const wanted = stat.isDirectory() ? 0o700 : 0o600;
      return (mode & 0o777) === wanted ? [] : [`${path} 0${(mode & 0o777).toString(8)}`];
    });
}

/** Does everything that makes files: programs, modules, a pause, artifacts, a backup, a checkpoint, a setting. */
async function livelySession(home: Home): Promise<void> {
  await home.cli("config", "set", "backup.every", "50ms");
  await home.cli("config", "set", "cancel.grace", "1s");
  writeFileSync(home.file("report.sh"), "result", { mode: 0o777 });
  const id = await home.run(
    home.module(
      taskModule(`
        if (!task.checkpoint) await task.save({ n: 1 });
        await task.artifact("report.sh", { path: "report.sh" }).catch((error) => note(String(error)));
        note("on");
        await gate("go");
      `),
    ),
  );
  await noted(home, 1);
  const program = await home.run("--env", "WITH SPACE=1", "sleep", "60");
  await pidOf(home, program);
  await home.cli("pause", `${program}`);
  await until(() => readdirSync(join(home.dir, "backups")).some((name) => name.endsWith(".db")));
  open(home);
  await home.reaches(id, "completed");
}

it("keeps everything in a busy home at modes 0600 and 0700, whatever the umask", async ({ home }) => {
  needsOwnStore(home, "a cluster makes no backups of its own");
  mkdirSync(home.work, { recursive: true });
  const started = spawnSync(
    "sh",
    ["-c", `umask 0; exec "$@"`, "sh", process.execPath, ...launched("daemon", "start")],
    {
      env: home.env,
      encoding: "utf8",
    },
  );
  expect(started.status).toBe(0);
  await livelySession(home);
  expect(reachable(home.dir)).toEqual([]);
  expect(statSync(home.dir).mode & 0o777).toBe(0o700);
  await home.cli("daemon", "stop");
  expect(reachable(home.dir)).toEqual([]);
});

function launched(...words: string[]): string[] {
  return [join(import.meta.dirname, "../../bin/agentctl.js"), ...words];
}

/** A user id that no user database knows, as in many containers. */
const NUMBER = 54_321;

it("serves a user who has only a number", async ({ home, skip }) => {
  const user = new OtherUser(home, NUMBER, skip);
  chmodSync(home.work, 0o755);
  const cwd = home.file("own");
  mkdirSync(cwd);
  chownSync(cwd, NUMBER, NUMBER);
  const env = { AGENTCTL_HOME: join(cwd, "home") };
  const as = (...words: string[]) => user.spawn(process.execPath, [user.launcher, ...words], { cwd, env });
  const ran = as("run", "--wait", "--no-inherit-env", "sh", "-c", 'echo "$USER $HOME $SHELL"');
  expect(ran).toMatchObject({ status: 0, stdout: "1\n", stderr: "" });
  expect(as("logs", "1").stdout).toBe(`${NUMBER} / /bin/sh\n`);
  expect(as("daemon", "stop").status).toBe(0);
});

it("denies another user the socket and the files", async ({ home, skip }) => {
  needsOwnStore(home, "a cluster makes no backups of its own");
  const user = new OtherUser(home, NOBODY, skip);
  await livelySession(home);
  expect(user.sh(`test -d ${home.root}`)).toBe(0);
  const files = ["agentctl.db", "daemon.log", "config.json", "logs/1/1.log"].map((name) =>
    join(home.dir, name),
  );
  expect(files.filter((file) => user.sh(`cat ${file}`) === 0)).toEqual([]);
  expect(user.sh(`ls ${home.dir}`)).not.toBe(0);
  const dial = `require("net").connect(process.argv[1]).on("connect", () => process.exit(0)).on("error", () => process.exit(9))`;
  expect(user.sh(`${process.execPath} -e '${dial}' ${home.socket}`)).toBe(9);
  expect(user.sh(`AGENTCTL_HOME=${home.dir} ${process.execPath} ${user.launcher} list`)).toBe(5);
});

it.for(["agentctl.sock", "daemon.lock"])(
  "names a folder that is in the place of %s",
  async (name, { home }) => {
    needsOwnStore(home, "a cluster has its store elsewhere");
    await home.run("--wait", "true");
    await home.cli("daemon", "stop");
    rmSync(join(home.dir, name), { force: true });
    mkdirSync(join(home.dir, name), { mode: 0o700 });
    const { code, stderr } = await home.cli("daemon", "start");
    expect([code, stderr]).toEqual([6, expect.stringContaining(join(home.dir, name))]);
    expect(stderr).toMatch(/\n {2}remove (what|the folder that) is in the place of (a|the) file/);
    rmdirSync(join(home.dir, name));
    expect((await home.cli("daemon", "start")).code).toBe(0);
  },
);

it("names no log where a home that is refused has none", async ({ home }) => {
  writeFileSync(home.file("no-folder"), "");
  const { stderr } = await home.cli("run", "true", { env: { AGENTCTL_HOME: home.file("no-folder") } });
  expect(stderr.split("\n").slice(1)).toEqual(["  AGENTCTL_HOME=<directory> chooses another", ""]);
});
