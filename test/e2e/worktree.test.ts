/** Coding agents in their own git worktrees. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { agentOptions } from "./agent-story.ts";

const root = join(import.meta.dirname, "../..");

/** Runs git in the repository of the story, or in another directory. */
function git(home: Home, args: string[], directory = home.file("repo")): string {
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
  return execFileSync("git", [...identity, ...args], { cwd: directory, encoding: "utf8" }).trim();
}

/** Makes a repository with a commit on `main` and a subdirectory. */
function repository(home: Home): void {
  mkdirSync(home.file("repo/sub"), { recursive: true });
  mkdirSync(home.file("agent-home"), { recursive: true });
  git(home, ["init", "--quiet", "--initial-branch=main"]);
  git(home, ["config", "user.name", "Ada"]);
  git(home, ["config", "user.email", "ada@example.org"]);
  writeFileSync(home.file("repo/a.txt"), "one\n");
  writeFileSync(home.file("repo/sub/b.txt"), "one\n");
  writeFileSync(home.file("repo/.gitignore"), "*.tmp\n");
  git(home, ["add", "."]);
  git(home, ["commit", "--quiet", "-m", "first"]);
}

const tool = (cmd: string) => ({ tool: true, cmd });

/** Submits an agent that runs these commands in a worktree. Returns its task after the end. */
async function worked(home: Home, cmds: string[], ...more: string[]) {
  const options = agentOptions(home, "claude", cmds.map(tool));
  const id = await home.run(...options, "--cwd", home.file("repo"), ...more);
  return await home.reaches(id, "completed");
}

it("runs an agent in its own worktree, whose changes are shown, merged and never lost", async ({ home }) => {
  repository(home);
  const task = await worked(
    home,
    [
      "pwd > where.tmp; echo two >> ../a.txt; git commit -qam change",
      "echo three >> b.txt; echo new > 'n w.txt'",
    ],
    ...["--cwd", home.file("repo/sub"), "--worktree", "Make it Two!"],
  );
  const { id, worktree } = task;
  expect(worktree).toEqual({
    path: join(home.root, "home/worktrees", `${id}`, "repo"),
    branch: `agentctl/${id}-make-it-two`,
    base: git(home, ["rev-parse", "HEAD"]),
  });
  expect(task.cwd).toBe(join(worktree.path, "sub"));
  expect(readFileSync(join(task.cwd, "where.tmp"), "utf8").trim()).toBe(task.cwd);
  expect(git(home, ["status", "--porcelain"])).toBe("");

  const names = await home.cli("diff", `${id}`, "--name-only");
  expect(names.stdout.trim().split("\n")).toEqual(["a.txt", "sub/b.txt", "sub/n w.txt"]);
  expect((await home.cli("diff", `${id}`)).stdout).toContain("+new");
  expect((await home.cli("diff", `${id}`, "--stat")).stdout).toContain("3 files changed");
  expect((await home.json("diff", `${id}`)).files).toContainEqual({
    path: "sub/n w.txt",
    status: "added",
    additions: 1,
    deletions: 0,
  });
  const changes = { files: 3, additions: 3, deletions: 0, uncommitted: 1, untracked: 1, unmerged: 1 };
  expect((await home.json("show", `${id}`)).changes).toEqual(changes);
  expect((await home.cli("show", `${id}`)).stdout).toContain(
    "3 files, +3 -0, 2 not committed, 1 commit not merged",
  );
  expect(await home.json("worktree", "list")).toMatchObject([
    { id, branch: worktree.branch, from: "main", changes },
  ]);

  for (const command of [["delete"], ["worktree", "remove"]]) {
    const refused = await home.cli(...command, `${id}`);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("1 changed file, 1 untracked file, 1 commit on no other branch");
  }
  // Retention does not delete the worktree either.
  await home.cli("config", "set", "retention.age", "0s");
  await home.cli("daemon", "restart");
  expect((await home.task(id)).state).toBe("completed");
  expect(existsSync(join(worktree.path, "sub/n w.txt"))).toBe(true);
  expect((await home.cli("config", "set", "retention.age", "--default")).code).toBe(0);

  const uncommitted = await home.cli("worktree", "merge", `${id}`);
  expect(uncommitted.code).toBe(4);
  expect(uncommitted.stderr).toContain("--commit");
  writeFileSync(home.file("repo/a.txt"), "mine\n");
  const dirty = await home.cli("worktree", "merge", `${id}`, "--commit", "All of it");
  expect(dirty.stderr).toContain("has changes that are not committed");
  git(home, ["commit", "--quiet", "-am", "mine"]);
  const conflict = await home.cli("worktree", "merge", `${id}`, "--commit", "All of it");
  expect(conflict.code).toBe(4);
  expect(conflict.stderr).toContain("in conflict: a.txt");
  expect(git(home, ["status", "--porcelain"])).toBe("");
  git(home, ["reset", "--quiet", "--hard", "HEAD~"]);
  expect(await home.json("worktree", "merge", `${id}`)).toMatchObject({ into: "main", changed: true });
  expect(readFileSync(home.file("repo/sub/n w.txt"), "utf8")).toBe("new\n");
  expect((await home.cli("worktree", "merge", `${id}`)).stderr).toContain("already");

  const deleted = await home.cli("delete", `${id}`);
  expect(deleted.code, deleted.stderr).toBe(0);
  expect(existsSync(join(home.root, "home/worktrees", `${id}`))).toBe(false);
  expect(git(home, ["branch", "--list", "agentctl/*"])).toBe("");
});

/** The variables with which the agent of the story is found. */
function variables(home: Home): Record<string, string> {
  const words = agentOptions(home, "claude", [tool("true")]).filter((word) => word.includes("="));
  return Object.fromEntries(words.map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

it("uses an existing branch and keeps it, and discards work only with --force", async ({ home }) => {
  repository(home);
  git(home, ["branch", "feature"]);
  const named = await worked(
    home,
    ["echo x > x; git add x; git commit -qm x"],
    "--worktree",
    "feature",
    "do it",
  );
  expect(named.worktree.branch).toBe("feature");
  const again = await home.cli("rerun", `${named.id}`, { env: variables(home) });
  expect(again.code).toBe(0);
  const other = await home.reaches(Number(again.stdout), "completed");
  expect(other.worktree.branch).toBe(`agentctl/${other.id}-do-it`);
  expect((await home.cli("worktree", "remove", `${named.id}`)).stdout).toContain("branch feature kept");
  expect(git(home, ["log", "--format=%s", "-1", "feature"])).toBe("x");
  expect((await home.cli("diff", `${named.id}`, "--name-only")).stdout).toBe("x\n");

  writeFileSync(join(other.worktree.path, "y"), "");
  expect((await home.cli("worktree", "remove", `${other.id}`)).code).toBe(4);
  const forced = await home.cli("delete", "--force", `${other.id}`);
  expect(forced.code).toBe(0);
  expect(git(home, ["worktree", "list"]).split("\n")).toHaveLength(1);
  // If the worktree was removed by hand, the branch stays.
  const third = await worked(home, ["echo z > z; git add z; git commit -qm z"], "--worktree", "own", "do it");
  git(home, ["worktree", "remove", third.worktree.path]);
  expect((await home.cli("delete", `${third.id}`)).code).toBe(0);
  expect(git(home, ["log", "--format=%s", "-1", "own"])).toBe("z");
});

it("refuses a worktree where none is possible", async ({ home }) => {
  const options = (...more: string[]) => ["run", ...agentOptions(home, "claude", []), ...more, "do it"];
  const outside = await home.cli(...options("--worktree=x"));
  expect(outside).toMatchObject({ code: 2 });
  expect(outside.stderr).toContain("--worktree: ");
  expect(outside.stderr).toContain("is in no git working tree");
  mkdirSync(home.file("empty"));
  git(home, ["init", "--quiet"], home.file("empty"));
  const empty = await home.cli(...options("--cwd", home.file("empty"), "--worktree=x"));
  expect(empty.stderr).toContain("has no commit yet");
  repository(home);
  const refused = async (branch: string) =>
    (await home.cli(...options("--cwd", home.file("repo"), `--worktree=${branch}`))).stderr;
  expect(await refused("main")).toContain(`branch main is checked out in ${home.file("repo")}`);
  for (const name of ["--force", "-D", "a..b", "a b", "HEAD"])
    expect(await refused(name)).toContain("is not the name of a branch");
  expect(git(home, ["branch", "--format=%(refname:short)"])).toBe("main");
  const program = await home.cli("run", "--worktree=x", "true");
  expect(program.stderr).toContain("for coding agents");
});

it("makes its worktree when it starts, and again after a daemon that died meanwhile", async ({ home }) => {
  repository(home);
  const options = agentOptions(home, "claude", [tool("echo x > x; git add x; git commit -qm x")]);
  const id = await home.run(...options, "--cwd", home.file("repo"), "--hold", "--worktree", "do it");
  const { worktree } = await home.task(id);
  expect(existsSync(worktree.path)).toBe(false);
  expect((await home.cli("diff", `${id}`)).stderr).toContain("is made when it starts");
  // The state after a git command that was cut short: the branch and a part of the files.
  git(home, ["worktree", "add", "--quiet", "-b", worktree.branch, worktree.path]);
  rmSync(join(worktree.path, "a.txt"));
  await home.killDaemon();
  await home.cli("release", `${id}`);
  await home.reaches(id, "completed");
  expect(readFileSync(join(worktree.path, "a.txt"), "utf8")).toBe("one\n");

  const taken = await home.run(...options, "--cwd", home.file("repo"), "--hold", "--worktree=mine", "do it");
  git(home, ["branch", "mine"]);
  git(home, ["commit", "--quiet", "--allow-empty", "-m", "second"]);
  git(home, ["branch", "--force", "mine"]);
  await home.cli("release", `${taken}`);
  const failed = await home.reaches(taken, "failed");
  expect(failed.error.message).toContain("cannot make the worktree");
  await until(async () => (await home.cli("delete", `${taken}`)).code === 0);
  expect(git(home, ["log", "--format=%s", "-1", "mine"])).toBe("second");
});

it("prepares its worktree with git's own hook, and shows what a failing hook printed", async ({ home }) => {
  repository(home);
  writeFileSync(home.file("repo/private.tmp"), "key\n");
  const hook = home.file("repo/.git/hooks/post-checkout");
  mkdirSync(join(hook, ".."), { recursive: true });
  const copies = 'cp "$(git rev-parse --path-format=absolute --git-common-dir)/../private.tmp" .';
  writeFileSync(hook, `#!/bin/sh\n${copies}\n`, { mode: 0o755 });
  const { worktree } = await worked(home, ["cat private.tmp >> seen.tmp"], "--worktree", "use the key");
  expect(readFileSync(join(worktree.path, "seen.tmp"), "utf8")).toBe("key\n");
  rmSync(home.file("repo/private.tmp"));
  const options = agentOptions(home, "claude", [tool("true")]);
  const id = await home.run(...options, "--cwd", home.file("repo"), "--worktree", "use what is gone");
  const { error } = await home.reaches(id, "failed");
  expect(error.message).toMatch(/cannot make the worktree .*: cp: [^\n]*private\.tmp/);
  writeFileSync(hook, "#!/bin/sh\nexit 3\n");
  const silent = await home.run(...options, "--cwd", home.file("repo"), "--worktree", "use a silent hook");
  expect((await home.reaches(silent, "failed")).error.message).toMatch(
    /the hook post-checkout of the repository ended with exit code 3, and printed nothing$/,
  );
});

it("runs examples/night.sh, whose report shows what each agent did", async ({ home }) => {
  repository(home);
  const options = agentOptions(home, "claude", [tool("echo new > new.txt")]);
  symlinkSync(join(root, "bin/agentctl.js"), home.file("bin/agentctl"));
  writeFileSync(home.file("prompts.txt"), "first prompt\n\nsecond prompt\n");
  const env = { ...home.env, PATH: `${home.file("bin")}:${process.env.PATH}` };
  const night = async (...args: string[]) => {
    const given = { cwd: home.file("repo"), env: env as NodeJS.ProcessEnv };
    return (await promisify(execFile)(join(root, "examples/night.sh"), args, given)).stdout;
  };
  const ids = (await night("start", home.file("prompts.txt"), ...options, "--max-turns", "20"))
    .trim()
    .split("\n");
  expect(ids).toHaveLength(2);
  for (const id of ids) await home.reaches(Number(id), "completed");
  const report = await night("report");
  expect(report).toMatch(/## \d+ completed: first prompt\n new.txt \| 1 \+/);
  expect(report).toContain("second prompt");
  expect(report).toMatch(/claude +2 /);
});
