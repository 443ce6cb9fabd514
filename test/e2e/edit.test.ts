import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { oneSlot } from "./story.ts";

it("changes open tasks, counts the edits and records the values before and after", async ({ home }) => {
  const id = await home.run("--hold", "--name", "build-a", "--label", "a=1", "--label", "b=2", "echo", "old");
  await home.cli("queue", "set", "nightly", "--slots", "1");
  const words = [
    "--priority",
    "7",
    "--queue",
    "nightly",
    "--label",
    "a=",
    "--label",
    "c=3",
    "--name",
    "build-b",
  ];
  expect(
    await home.cli("edit", `${id}`, ...words, "--env", "COLOUR=secret", "--", "sh", "-c", "echo $COLOUR"),
  ).toMatchObject({
    code: 0,
    stdout: `task ${id} edited\n`,
  });
  const task = await home.json("show", "build-b");
  expect(task).toMatchObject({
    name: "build-b",
    priority: 7,
    queue: "nightly",
    labels: { b: "2", c: "3" },
    argv: ["sh", "-c", "echo $COLOUR"],
    edits: 1,
  });
  const edit = task.events.find(({ cause }: { cause: string }) => cause === "edit");
  expect(edit).toMatchObject({
    from: "submitted",
    to: "submitted",
    data: {
      before: { priority: 0, queue: "default", name: "build-a" },
      after: { priority: 7, name: "build-b" },
    },
  });
  expect(JSON.stringify(task.events)).not.toContain("secret");
  expect(await home.json("edit", `${id}`, "--priority", "7")).toMatchObject({ ok: true, changed: false });
  await home.cli("edit", `${id}`, "--at", "2031-01-01T00:00:00Z");
  const { events } = await home.json("show", `${id}`);
  const at = { before: { notBefore: null }, after: { notBefore: "2031-01-01T00:00:00.000Z" } };
  expect(events.at(-1).data).toEqual(at);
  await home.cli("edit", `${id}`, "--delay", "0s");
  await home.cli("release", `${id}`);
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout).toBe("secret\n");
  expect((await home.cli("edit", `${id}`, "--priority", "1")).code).toBe(4);
});

it("removes a task's dependencies with --after none, and its time-out with --timeout none", async ({
  home,
}) => {
  const first = await home.run("sleep", "60");
  const id = await home.run("--after", `${first}`, "--timeout", "1h", "true");
  const both = await home.cli("edit", `${id}`, "--after", "none", "--after-any", `${first}`);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("--after none removes all")]);
  expect((await home.cli("edit", `${id}`, "--timeout", "never")).stderr).toContain("is not a duration");
  const words = ["--after", "none", "--timeout", "none"];
  expect(await home.json("edit", `${id}`, ...words)).toMatchObject({ changed: true });
  expect(await home.reaches(id, "completed")).toMatchObject({ after: [], timeoutMs: null });
  await home.cli("edit", `${first}`, "--timeout", "2h");
  expect(await home.json("edit", `${first}`, "--timeout", "none")).toMatchObject({ changed: true });
  expect(await home.task(first)).toMatchObject({ state: "working", timeoutMs: null });
});

it("refuses changes that a task's state does not allow, names them and changes nothing", async ({ home }) => {
  const working = await home.run("sleep", "60");
  await home.reaches(working, "working");
  const one = await home.run("--hold", "true");
  const two = await home.run("--hold", "--after", `${one}`, "true");
  const refused: [string[], number, RegExp][] = [
    [[`${working}`, "--cwd", "/"], 4, /--cwd of task 1 cannot change: it has been started before/],
    [[`${working}`, "--", "true"], 4, /the program of task 1 cannot change/],
    [[`${working}`, "--slots", "2"], 4, /--slots of task 1 cannot change: it is working/],
    [[`${working}`, "--delay", "1h"], 4, /--delay or --at of task 1 cannot change/],
    [[`${one}`, "--queue", "nowhere"], 3, /no queue "nowhere"/],
    [[`${one}`, "--after", `${two}`], 2, /after itself/],
    [[`${one}`, "--cwd", "/no/such"], 2, /does not exist/],
    [[`${one}`, "--", "no-such-program"], 127, /not found on the PATH/],
    [[`${one}`, "--at", "2020-01-01"], 2, /in the past/],
    [[`${one}`], 2, /what is to change/],
    [
      ["--label", "a=b", "--priority", "1"],
      2,
      /Name their ids, or --all or --state; --queue and --label are new values/,
    ],
    [["99", "--priority", "1"], 3, /no task "99"/],
  ];
  for (const [words, code, says] of refused) {
    const result = await home.cli("edit", ...words);
    expect([words, result.code]).toEqual([words, code]);
    expect(result.stderr).toMatch(says);
  }
  expect((await home.task(one)).edits).toBe(0);
  expect(
    (await home.cli("edit", `${working}`, "--priority", "3", "--label", "x=y", "--timeout", "1h")).code,
  ).toBe(0);
  expect(await home.task(working)).toMatchObject({ priority: 3, labels: { x: "y" }, timeoutMs: 3_600_000 });
  await home.cli("edit", `${two}`, "--after-any", `${working}`);
  await home.cli("release", `${two}`);
  await home.cli("cancel", `${working}`, "--grace", "0s");
  await home.reaches(two, "completed");
});

it("selects tasks by patterns, ranges and lists, and refuses such texts as names", async ({ home }) => {
  const queue = await oneSlot(home);
  for (const name of ["build-a", "build-b", "test-a"])
    await home.run("--hold", "--name", name, "--queue", queue, "true");
  await home.cli("cancel", "build-a");
  const ids = async (...words: string[]) => {
    const answers = await home.json(...words);
    return (Array.isArray(answers) ? answers : [answers]).map(({ id }: { id: number }) => id);
  };
  expect(await ids("edit", "build-*", "--retries", "1")).toEqual([2]);
  expect(await ids("edit", "*-[a-c]", "--priority", "1")).toEqual([2, 3]);
  expect(await ids("edit", "2-7", "--priority", "2")).toEqual([2, 3]);
  expect(await ids("edit", "3,2", "--priority", "3")).toEqual([3, 2]);
  const nothing = await home.cli("cancel", "nope-*");
  expect([nothing.code, nothing.stderr]).toEqual([3, expect.stringContaining("nope-*")]);
  for (const name of ["12", "3-7", "3,5", "a*", "b?", "[c]"])
    expect((await home.cli("run", "--name", name, "true")).code).toBe(2);
  expect(await ids("delete", "build-*")).toEqual(expect.arrayContaining([1]));
  const near = await home.cli("show", "tset-a");
  expect([near.code, near.stderr]).toEqual([3, expect.stringContaining("did you mean test-a?")]);
  const noQueue = await home.cli("run", "--queue", "onne", "true");
  expect([noQueue.code, noQueue.stderr]).toEqual([3, expect.stringContaining("did you mean one?")]);
});

it("reruns several tasks, all failed ones, with changes, and from a checkpoint with its folder", async ({
  home,
}) => {
  const save =
    'echo kept > "$AGENTCTL_TASK_DIR/f"; echo 1 | agentctl checkpoint save; cat "$AGENTCTL_TASK_DIR/f"; exit 3';
  const first = await home.run("--name", "job-a", "sh", "-c", save);
  const second = await home.run("--name", "job-b", "true");
  await home.reaches(first, "failed");
  await home.reaches(second, "completed");
  const from = await home.cli(
    "rerun",
    `${first}`,
    "--from",
    "1",
    "--priority",
    "4",
    "--",
    "sh",
    "-c",
    'cat "$AGENTCTL_TASK_DIR/f"',
  );
  expect(from).toMatchObject({ code: 0, stdout: "3\n" });
  expect(await home.reaches(3, "completed")).toMatchObject({ priority: 4 });
  expect((await home.cli("logs", "3")).stdout).toBe("kept\n");
  expect((await home.cli("rerun", "--failed", "--label", "x=1")).stderr).toContain(
    "no task that matches has failed",
  );
  expect((await home.cli("rerun", "--failed")).stdout).toBe("4\n");
  expect((await home.cli("rerun", "1-2")).stdout).toBe("5\n6\n");
});
