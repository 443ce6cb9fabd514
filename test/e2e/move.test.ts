import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { closeHome, Home, it } from "../harness/index.ts";
import { noted, notes, open, taskModule, upTo } from "./story.ts";

/** Returns another home, on a machine with the same files. */
async function box(): Promise<{ there: Home; to: string }> {
  const there = new Home();
  await there.cli("daemon", "start");
  onTestFinished(async () => expect(await closeHome(there)).toEqual([]));
  return { there, to: `unix://${there.socket}` };
}

/**
 * Ten steps, each a line in `notes`. The sixth waits for `go` or a pause. The task has a folder, a message, an artifact
 * and a variable.
 */
const tenSteps = taskModule(`
  mkdirSync(process.env.AGENTCTL_TASK_DIR + "/sub", { recursive: true });
  await task.step("files", () => {
    writeFileSync(process.env.AGENTCTL_TASK_DIR + "/sub/data", "bytes");
    return null;
  });
  await task.artifact("report", "done so far");
  for (let n = 1; n <= 10; n++)
    await task.step("step " + n, async () => {
      note(n);
      while (n === 6 && !existsSync("go") && !task.pausing.aborted) await delay(5);
    });
  const messages = await task.messages();
  return { messages, folder: readFileSync(process.env.AGENTCTL_TASK_DIR + "/sub/data", "utf8"), token: process.env.TOKEN ?? null, shell: process.env.SHELL_ONLY ?? null };
`).replace("appendFileSync,", "appendFileSync, mkdirSync,");

async function atSixth(home: Home, ...options: string[]): Promise<number> {
  const id = await home.run(...options, "--env", "TOKEN=secret", home.module(tenSteps), {
    env: { SHELL_ONLY: "mine" },
  });
  await noted(home, 6);
  await home.cli("send", `${id}`, "hello");
  return id;
}

const ten = upTo(10);

it("moves a running task, which continues there and never here", async ({ home }) => {
  const { there, to } = await box();
  const id = await atSixth(home, "--name", "traveller", "--label", "team=red");
  const moving = await home.cli("move", `${id}`, "--to", to);
  expect(moving).toMatchObject({ code: 0 });
  open(home);
  const [task] = await there.json("list", "--all");
  expect(await there.reaches(task.id, "completed")).toMatchObject({
    name: "traveller",
    labels: { team: "red" },
    result: { messages: ["hello"], folder: "bytes", token: "secret", shell: null },
  });
  expect(notes(home)).toEqual(ten);
  expect((await there.cli("artifact", "get", `${task.id}`)).stdout).toBe("done so far");
  const here = await home.task(id);
  expect(here).toMatchObject({
    state: "canceled",
    moving: null,
    error: { name: "Moved", code: -32040, data: { to, as: task.id } },
  });
  for (const verb of [
    "resume",
    "pause",
    "cancel",
    "hold",
    "release",
    "send x",
    "answer x",
    "edit --name x",
  ]) {
    const [name = "", ...words] = verb.split(" ");
    const refused = await home.cli(name, `${id}`, ...words);
    expect([verb, refused.code, refused.stderr]).toEqual([verb, 4, expect.stringContaining(to)]);
  }
  expect((await home.cli("resume", `${id}`)).stderr).toContain(`\n  agentctl show ${task.id} --host ${to}\n`);
  // A second move reports the same and changes nothing.
  expect(await home.cli("move", `${id}`, "--to", to)).toMatchObject({ code: 0 });
  expect(await there.json("list", "--all")).toHaveLength(1);
  const further = await home.json("move", `${id}`, "--to", "unix:///nowhere.sock");
  expect(further.error).toMatchObject({ name: "Moved", data: { to, as: task.id } });
});

it("keeps a user's paused task suspended after a move, and moves it back", async ({ home }) => {
  const { there, to } = await box();
  const id = await atSixth(home);
  await home.cli("pause", `${id}`, "--reason", "lunch");
  open(home);
  expect(await home.cli("move", `${id}`, "--to", to)).toMatchObject({ code: 0 });
  const [task] = await there.json("list");
  expect(task).toMatchObject({
    state: "suspended",
    held: false,
    pause: { cause: "user", reason: "lunch" },
    attempt: null,
  });
  expect(await there.cli("move", `${task.id}`, "--to", `unix://${home.socket}`, "--resume")).toMatchObject({
    code: 0,
  });
  expect(await home.reaches(id + 1, "completed")).toMatchObject({ result: { messages: ["hello"] } });
  expect(notes(home)).toEqual(ten);
  expect((await home.cli("doctor")).code).toBe(0);
});

it("finishes an interrupted move, or takes it back", async ({ home }) => {
  const { there, to } = await box();
  const id = await atSixth(home);
  await home.cli("pause", `${id}`);
  open(home);
  const move = { id: "a-move", to, goesOn: true };
  await home.rpc("tasks/export", { id, move });
  for (const verb of ["resume", "cancel"]) {
    const refused = await home.cli(verb, `${id}`);
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain("--abort");
  }
  expect((await home.cli("send", `${id}`, "late")).code).toBe(4);
  expect(await home.cli("move", `${id}`, "--abort")).toMatchObject({ code: 0 });
  expect(await home.task(id)).toMatchObject({ state: "suspended", moving: null });
  // A late import after an abort finds the move's place taken.
  const late = await home.rpc("tasks/export", { id, move });
  const { data } = await home.rpc("bundles/read", { bundle: late.bundle, offset: 0, length: 4_000_000 });
  const { bundle } = await there.rpc("bundles/write", { offset: 0, data });
  expect(await there.rpc("tasks/import", { bundle })).toMatchObject({
    created: false,
    task: { state: "canceled" },
  });
  await home.cli("move", `${id}`, "--abort");
  await home.rpc("tasks/export", { id, move: { ...move, id: "again" } });
  expect(await home.cli("move", `${id}`, "--to", to)).toMatchObject({ code: 0 });
  const moved = (await there.json("list", "--all")).at(-1);
  await there.reaches(moved.id, "completed");
  expect(notes(home)).toEqual(ten);
});

it("exports a task to an encrypted file, and imports it once", async ({ home }) => {
  const { there } = await box();
  const id = await atSixth(home);
  const refused = await home.cli("task", "export", `${id}`);
  expect(refused).toMatchObject({ code: 4 });
  expect(refused.stderr).toContain(`agentctl task export ${id} --pause`);
  const unsealed = await home.cli("task", "export", `${id}`, "--pause");
  expect(unsealed).toMatchObject({ code: 2 });
  expect(unsealed.stderr).toContain("--passphrase-file");
  const env = { AGENTCTL_PASSPHRASE: "open" };
  expect(await home.cli("task", "export", `${id}`, { env })).toMatchObject({
    code: 0,
    stdout: `task-${id}.bundle\n`,
  });
  open(home);
  const file = home.file(`task-${id}.bundle`);
  expect(readFileSync(file).includes("secret")).toBe(false);
  const whole = readFileSync(file);
  const leavesNothing = async (...words: string[]) => {
    expect(await there.json("list", "--all")).toEqual([]);
    expect(readdirSync(join(there.dir, "bundles"))).toEqual([]);
    return words;
  };
  truncateSync(file, whole.length - 10);
  expect(await there.cli("task", "import", file, { env })).toMatchObject({ code: 4 });
  const changed = Buffer.from(whole);
  changed[changed.indexOf("bytes")] = 66;
  writeFileSync(file, changed);
  expect((await there.cli("task", "import", file, { env })).stderr).toContain("was changed");
  writeFileSync(file, whole);
  expect(await there.cli("task", "import", file, { env: { AGENTCTL_PASSPHRASE: "wrong" } })).toMatchObject({
    code: 4,
  });
  expect(await there.cli("task", "import", file)).toMatchObject({ code: 4 });
  expect((await there.cli("task", "import", file, "--cwd", "/not/there", { env })).code).toBe(2);
  await leavesNothing();
  expect(await there.cli("task", "import", file, { env })).toMatchObject({ code: 0, stdout: "1\n" });
  expect(await there.task(1)).toMatchObject({ state: "suspended", held: false });
  expect(await there.cli("task", "import", file, "--release", { env })).toMatchObject({
    code: 0,
    stdout: "1\n",
  });
  expect(await there.reaches(1, "completed")).toMatchObject({ result: { token: "secret", folder: "bytes" } });
  expect(existsSync(join(there.dir, "tasks", "1", "sub", "data"))).toBe(true);
  expect(await home.task(id)).toMatchObject({ state: "suspended" });
});

it("moves and deletes files whose names are not UTF-8", async ({ home }) => {
  const { there, to } = await box();
  const id = await atSixth(home);
  await home.cli("pause", `${id}`);
  const odd = (box: Home, of: number) => join(box.dir, "tasks", `${of}`);
  await home.sh(
    `cd "${odd(home, id)}" && d=$(printf 'd\\377') && mkdir "$d" && echo odd > "$d/$(printf '\\376')"`,
  );
  expect(await home.cli("move", `${id}`, "--to", to)).toMatchObject({ code: 0, stderr: "" });
  const [task] = await there.json("list");
  expect((await there.sh(`cat "${odd(there, task.id)}"/d*/*`)).stdout).toBe("odd\n");
  expect(await home.cli("delete", `${id}`)).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(odd(home, id))).toBe(false);
});

it("refuses to move unsuitable tasks, and suggests what helps", async ({ home }) => {
  const { to } = await box();
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const running = await home.cli("move", `${id}`, "--to", to);
  expect(running).toMatchObject({ code: 4 });
  expect(running.stderr).toContain(`agentctl pause ${id} --mode checkpoint`);
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  expect((await home.cli("task", "export", `${id}`)).stderr).toContain(
    `agentctl pause ${id} --mode checkpoint`,
  );
  const saver = await home.run(
    home.module(taskModule('await task.save(1); note("saved"); await gate("never");')),
  );
  await noted(home, 1);
  await home.cli("pause", `${saver}`, "--grace", "0s");
  const folder = join(home.dir, "tasks", `${saver}`);
  mkdirSync(folder, { recursive: true });
  symlinkSync("/etc/passwd", join(folder, "link"));
  expect((await home.cli("task", "export", `${saver}`)).stderr).toContain("leads out of the folder");
  await home.sh(`rm "${folder}/link"; head -c 200000 /dev/zero > "${folder}/big"`);
  await home.cli("config", "set", "move.maxBytes", "100000");
  const large = await home.cli("task", "export", `${saver}`);
  expect(large).toMatchObject({ code: 4 });
  expect(large.stderr).toContain("agentctl config set move.maxBytes");
  expect((await home.cli("move", `${saver}`, "--to", "nowhere")).code).toBe(3);
});

it("names no local log if the other home is unreachable, and says what to check there", async ({ home }) => {
  const id = await home.run("sleep", "60");
  home.env.AGENTCTL_SSH = home.script('shift 3; echo "ssh: no route to $1" >&2; exit 255', "ssh");
  const places: [to: string, why: string, check: string][] = [
    [
      "unix:///nope.sock",
      "there is no socket /nope.sock",
      "agentctl daemon status, in its home, shows whether it runs and where its socket is",
    ],
    [
      "ssh://away",
      "ssh: no route to away",
      "ssh away agentctl daemon status shows whether it can be reached",
    ],
  ];
  for (const [to, why, check] of places) {
    const stderr = `agentctl: the daemon cannot be reached: ${to}: ${why}\n  ${check}\n`;
    const move = await home.cli("move", `${id}`, "--to", to);
    expect(move).toEqual({ code: 5, stdout: "", stderr });
    expect(await home.cli("list", "--host", to)).toEqual({ code: 5, stdout: "", stderr });
  }
});
