import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { it, needsLinux, needsOwnStore, signalTo, until } from "../harness/index.ts";
import { history, noted, notes, oneSlot, open, running, ticking, waitsForAnswer } from "./story.ts";

it("starts one daemon for twenty simultaneous first commands, and gives twenty ids", async ({ home }) => {
  const runs = await Promise.all(
    // Twenty commands at once are a load, so each gets more time than a command gets elsewhere.
    Array.from({ length: 20 }, () => home.cli("run", "sh", "-c", "echo $$ >> notes", { timeoutMs: 80_000 })),
  );
  const ids = runs.map(({ stdout }) => Number(stdout)).sort((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  await until(() => running(home, "daemon.cjs").length === 1, { message: "one daemon" });
  const log = (await home.cli("daemon", "logs")).stdout;
  expect(log.match(/"msg":"ready"/g)).toHaveLength(1);
  expect((await home.cli("wait", ...ids.map(String))).code).toBe(0);
  expect(new Set(notes(home)).size).toBe(20);
});

it("prints only the id and a newline on stdout", async ({ home }) => {
  expect(await home.cli("run", "echo", "hello")).toMatchObject({ code: 0, stdout: "1\n", stderr: "" });
  expect(await home.json("run", "echo", "hello")).toMatchObject({
    id: 2,
    state: "submitted",
    argv: ["echo", "hello"],
  });
});

it("passes arguments byte for byte, without a shell", async ({ home }) => {
  const args = ["a b", "$HOME", "*", "", "--json", "ä\n'\"\\", "-w"];
  const id = await home.run(
    "--",
    "node",
    "-e",
    "console.log(JSON.stringify(process.argv.slice(1)))",
    "--",
    ...args,
  );
  await home.reaches(id, "completed");
  expect(JSON.parse((await home.cli("logs", `${id}`)).stdout)).toEqual(args);
});

it("exits with the program's own exit code with --wait", async ({ home }) => {
  expect((await home.cli("run", "-w", "sh", "-c", "exit 7")).code).toBe(7);
  expect((await home.cli("run", "-w", "sh", "-c", "kill -9 $$")).code).toBe(137);
  expect(await home.task(2)).toMatchObject({ state: "failed", signal: "SIGKILL", exitCode: 137 });
});

it("prints the output on stdout with --follow, byte for byte, and the id on stderr", async ({ home }) => {
  const { code, stdout, stderr } = await home.cli(
    "run",
    "-f",
    "sh",
    "-c",
    "echo out; echo err >&2; printf end; exit 3",
  );
  expect([code, stdout]).toEqual([3, "out\nerr\nend"]);
  expect(stderr).toContain("task 1");
});

it("keeps following through a pause, names the command that resumes, and prints the rest", async ({
  home,
}) => {
  const following = home.spawn(
    "run",
    "-f",
    "sh",
    "-c",
    "echo before; until [ -e go ]; do sleep 0.02; done; echo after",
  );
  await until(() => following.stdout.includes("before"));
  await home.cli("pause", "1");
  await until(() => following.stderr.includes("agentctl resume 1"));
  await home.cli("resume", "1");
  open(home);
  expect(await following.ended).toMatchObject({ code: 0, stdout: "before\nafter\n" });
});

it("exits with 75 at a pause with --exit-on-pause", async ({ home }) => {
  const waiting = home.spawn("run", "-w", "--exit-on-pause", "sleep", "60");
  await until(async () => (await home.task(1)).state === "working");
  await home.cli("pause", "1");
  expect((await waiting.ended).code).toBe(75);
});

it("detaches at Ctrl-C, and cancels the task with --cancel-on-exit", async ({ home }) => {
  const detaching = home.spawn("run", "-w", "sh", "-c", ticking);
  await noted(home, 1, "ticks");
  detaching.kill("SIGINT");
  expect((await detaching.ended).stderr).toContain("agentctl wait 1");
  expect((await home.task(1)).state).toBe("working");
  const canceling = home.spawn("run", "-w", "--cancel-on-exit", "sleep", "60");
  await until(async () => (await home.task(2)).state === "working");
  canceling.kill("SIGTERM");
  expect((await canceling.ended).code).toBe(130);
  expect((await home.task(2)).state).toBe("canceled");
});

it("keeps or cancels a task that is still being submitted at Ctrl-C", async ({ home, skip }) => {
  needsLinux(skip);
  const { pid } = await home.json("daemon", "start");
  for (const [option, code, state] of [
    ["--wait", 130, "working"],
    ["--cancel-on-exit", 130, "canceled"],
  ] as const) {
    signalTo(pid, "SIGSTOP");
    const command = home.spawn("run", "--wait", option, "sleep", "60");
    // The command waits for the greeting. It has set up its signal handlers before that.
    await until(() => waitsForAnswer(command.pid));
    command.kill("SIGINT");
    signalTo(pid, "SIGCONT");
    const ended = await command.ended;
    expect(ended.code).toBe(code);
    expect(ended.stdout).toMatch(/^\d+\n$/);
    await home.reaches(Number(ended.stdout), state);
  }
});

it("starts nothing for a key that exists, and prints the id of that key's task", async ({ home }) => {
  const first = await home.run("--key", "nightly", "sh", "-c", "echo once >> notes");
  await home.reaches(first, "completed");
  expect(await home.run("--key", "nightly", "sh", "-c", "echo twice >> notes")).toBe(first);
  expect(await history(home, first)).toEqual(["submitted", "working", "completed"]);
  expect(notes(home)).toEqual(["once"]);
});

describe("a task with --accept-missing", () => {
  it("fails with 127 if its program or module still does not exist", async ({ home }) => {
    const accepted = (what: string) => home.run("--accept-missing", what);
    const [program, module] = [await accepted("no-such-program"), await accepted("./no-such.ts")];
    const { exitCode, error } = await home.reaches(program, "failed");
    expect(exitCode).toBe(127);
    expect(error.message).toContain("no-such-program");
    expect(await home.reaches(module, "failed")).toMatchObject({ exitCode: 127, attempt: null });
  });

  it("fails with 126 if its program is not executable", async ({ home }) => {
    writeFileSync(home.file("data"), "no program", { mode: 0o644 });
    const { exitCode, error } = await home.reaches(await home.run("--accept-missing", "./data"), "failed");
    expect(exitCode).toBe(126);
    expect(error.message).toContain("data");
  });
});

describe("the environment of a task", () => {
  it("has the caller's variables and directory, and nothing of the daemon's", async ({ home }) => {
    needsOwnStore(home, "the shell that submits gives nothing in a cluster");
    await home.cli("daemon", "start", { env: { OF_THE_DAEMON: "1" } });
    mkdirSync(home.file("sub"));
    const script =
      'pwd; echo "$COLOUR $OF_THE_DAEMON $AGENTCTL_TASK_ID $AGENTCTL_ATTEMPT $AGENTCTL_INPUT"; cat; agentctl --version';
    const env = { COLOUR: "red", AGENTCTL_INPUT: "kept back" };
    const id = await home.run("sh", "-c", script, { env, cwd: home.file("sub") });
    await home.reaches(id, "completed");
    const version = (await home.cli("--version")).stdout;
    expect((await home.cli("logs", `${id}`)).stdout).toBe(
      `${realpathSync(home.file("sub"))}\nred  1 1 \n${version}`,
    );
  });

  it("has --env and the current content of --env-file, and nothing else with --no-inherit-env", async ({
    home,
  }) => {
    writeFileSync(home.file("vars"), "FROM=file\n# a remark\nQUOTED='as it is'\n");
    const print = ["sh", "-c", 'echo "$FROM|$QUOTED|$GIVEN|$COLOUR" >> notes; [ "$FROM" = changed ]'];
    const args = [
      "--env-file",
      "vars",
      "--env",
      "GIVEN=1",
      "--no-inherit-env",
      "--retries",
      "1",
      "--backoff",
      "300ms",
    ];
    const id = await home.run(...args, ...print, { env: { COLOUR: "red" } });
    await noted(home, 1);
    writeFileSync(home.file("vars"), "FROM=changed\n");
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(["file|'as it is'|1|", "changed||1|"]);
  });
});

describe("the start of a task", () => {
  it("comes after the task of --after has completed, and never if that task failed", async ({ home }) => {
    const first = await home.run("sh", "-c", "until [ -e go ]; do sleep 0.02; done; echo first >> notes");
    const second = await home.run("--after", `${first}`, "sh", "-c", "echo second >> notes");
    expect((await home.task(second)).waiting).toMatchObject({ for: "task", on: first });
    open(home);
    await home.reaches(second, "completed");
    expect(notes(home)).toEqual(["first", "second"]);
    const broken = await home.run("false");
    const orphan = await home.run("--after", `${broken}`, "true");
    expect((await home.reaches(orphan, "failed")).error.message).toContain(`${broken}`);
  });

  it("follows priority, then age", async ({ home }) => {
    const queue = await oneSlot(home);
    await home.cli("queue", "hold", queue);
    for (const [priority, name] of [
      ["0", "old"],
      ["0", "young"],
      ["5", "urgent"],
    ] as const)
      await home.run("--queue", queue, "--priority", priority, "sh", "-c", `echo ${name} >> notes`);
    await home.cli("queue", "release", queue);
    expect((await home.cli("wait", "--all")).code).toBe(0);
    expect(notes(home)).toEqual(["urgent", "old", "young"]);
  });

  it("comes no earlier than --delay allows", async ({ home }) => {
    await home.cli("daemon", "start");
    const at = Date.now();
    const id = await home.run("--delay", "1s", "true");
    expect((await home.task(id)).waiting).toMatchObject({ for: "time" });
    const { startedAt } = await home.reaches(id, "completed");
    expect(Date.parse(startedAt) - at).toBeGreaterThanOrEqual(1_000);
  });
});

describe("the limits of a task", () => {
  it("retry a failed attempt with back-off, without the state failed in between", async ({ home }) => {
    const script = 'echo $AGENTCTL_ATTEMPT >> notes; [ "$AGENTCTL_ATTEMPT" = 3 ]';
    const id = await home.run("--retries", "2", "--backoff", "50ms", "sh", "-c", script);
    expect((await home.cli("wait", `${id}`)).code).toBe(0);
    expect(notes(home)).toEqual(["1", "2", "3"]);
    const states = ["submitted", "working", "submitted", "working", "submitted", "working", "completed"];
    expect(await history(home, id)).toEqual(states);
  });

  it("fail the task with TimedOut after --timeout", async ({ home }) => {
    const id = await home.run("--timeout", "300ms", "sleep", "60");
    expect(await home.reaches(id, "failed")).toMatchObject({ error: { name: "TimedOut" }, pid: null });
  });
});

it("keeps labels and variables whose names are special in JavaScript", async ({ home }) => {
  const names = ["__proto__", "constructor", "prototype"];
  const options = names.flatMap((name) => ["--label", `${name}=l`, "--env", `${name}=e`]);
  const file = home.file("variables");
  writeFileSync(file, "__proto__=f\n");
  const id = await home.run("--wait", ...options, "--env-file", file, "sh", "-c", "env | sort");
  expect(Object.keys((await home.task(id)).labels).sort()).toEqual(names);
  expect((await home.json("list", "--all", "--label", "__proto__=l")).length).toBe(1);
  const lines = (await home.cli("logs", `${id}`)).stdout.split("\n");
  const kept = lines.filter((line) => names.includes(line.split("=")[0] ?? ""));
  expect(kept).toEqual(["__proto__=f", "constructor=e", "prototype=e"]);
});

it("never shows a working task without the pid of its process", async ({ home }) => {
  await home.cli("queue", "set", "default", "--slots", "30");
  const wire = await home.connect();
  const module = home.module("export default () => new Promise((end) => setTimeout(end, 60_000));");
  const given = [...Array(12).fill({ argv: ["sleep", "60"] }), ...Array(4).fill({ module })];
  const seen = given.map(async (params) => {
    const { id } = (await wire.request("tasks/create", params)).task;
    const { task } = await wire.request("tasks/wait", { id, until: ["working"] });
    const { tasks } = await wire.request("tasks/list", { state: ["working"] });
    return [task, ...tasks].map(({ state, pid }) => [state, typeof pid]);
  });
  expect((await Promise.all(seen)).flat().filter(([, pid]) => pid !== "number")).toEqual([]);
});

it("names a missing environment file, not the program", async ({ home }) => {
  const file = home.script("A=b", "gone.env");
  const id = await home.run("--hold", "--env-file", file, "true");
  rmSync(file);
  await home.cli("release", `${id}`);
  const { exitCode, error } = await home.reaches(id, "failed");
  expect([exitCode, error.name]).toEqual([126, "CannotStart"]);
  expect(error.message).toBe(
    `cannot start true: its environment file cannot be used: ${file} cannot be read: there is no such file`,
  );
});
