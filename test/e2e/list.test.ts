import { expect } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { oneMebibyte } from "./story.ts";

async function ids(home: Home, ...args: string[]): Promise<number[]> {
  return (await home.json("list", ...args)).map(({ id }: { id: number }) => id);
}

it("shows open tasks and the last 20 that ended, newest last, and all tasks with --all", async ({ home }) => {
  const open = await home.run("--hold", "true");
  const input = Array.from({ length: 22 }, () => JSON.stringify({ argv: ["true"] })).join("\n");
  await home.cli("batch", { input });
  await home.cli("wait", ...Array.from({ length: 22 }, (_, at) => `${at + 2}`));
  const shown = await ids(home);
  expect(shown).toHaveLength(21);
  expect(shown[0]).toBe(open);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  expect(await ids(home, "--all")).toHaveLength(23);
  expect((await ids(home, "--limit", "2")).length).toBe(2);
});

it("returns chosen fields over the socket with the same values as whole tasks", async ({ home }) => {
  await home.run(
    "--hold",
    "--name",
    "waits",
    "--label",
    "team=red",
    "--priority",
    "3",
    "--retries",
    "2",
    "true",
  );
  const paused = await home.run("sleep", "60");
  await home.cli("pause", `${paused}`, "--reason", "lunch");
  const working = await home.run(
    "sh",
    "-c",
    "echo 1 | agentctl checkpoint save --label first; exec sleep 60",
  );
  const failed = await home.run("sh", "-c", "exit 3");
  await home.reaches(failed, "failed");
  await until(async () => (await home.task(working)).checkpoint);
  const { tasks } = await home.rpc("tasks/list");
  expect(tasks).toHaveLength(4);
  for (const field of Object.keys(tasks[0])) {
    const some = await home.rpc("tasks/list", { fields: [field, "id"] });
    // These two change with the clock.
    const isClock = field === "runMs" || field === "pausedMs";
    const value = (task: Record<string, unknown>) => (isClock ? typeof task[field] : task[field]);
    expect(some.tasks.map(value), field).toEqual(tasks.map(value));
    expect(Object.keys(some.tasks[0])).toEqual(field === "id" ? ["id"] : [field, "id"]);
  }
  const pages = await home.rpc("tasks/list", { fields: ["name"], limit: 3 });
  expect(pages).toEqual({ tasks: [{ name: "waits" }, { name: null }, { name: null }], next: `${working}` });
  await expect(home.rpc("tasks/list", { fields: ["env"] })).rejects.toThrow("fields");
});

it("selects by queue, label, state and name", async ({ home }) => {
  await home.cli("queue", "set", "q", "--slots", "1");
  const red = await home.run("--hold", "--label", "team=red", "true");
  const queued = await home.run("--hold", "--queue", "q", "--name", "nightly", "true");
  const ended = await home.run("true");
  await home.reaches(ended, "completed");
  expect(await ids(home, "--label", "team=red")).toEqual([red]);
  expect(await ids(home, "--queue", "q")).toEqual([queued]);
  expect(await ids(home, "--state", "completed")).toEqual([ended]);
  expect(await ids(home, "--name", "nightly")).toEqual([queued]);
  expect((await home.cli("list", "--state", "finished")).code).toBe(2);
});

it("has the alias ls, prints no colors in a pipe, and nothing on stdout without tasks", async ({ home }) => {
  expect((await home.cli("ls")).stdout).toBe("");
  await home.run("--hold", "true");
  const { stdout } = await home.cli("ls");
  expect(stdout).toMatch(/^ *ID +STATE/);
  expect(stdout.includes("\u001b")).toBe(false);
});

it("says that no task matches a filter, and suggests run only if there are no tasks", async ({ home }) => {
  const said = async (...args: string[]) => (await home.cli("list", ...args)).stderr;
  const nothing = "no tasks here; agentctl run <program> submits one\n";
  expect([await said(), await said("--all")]).toEqual([nothing, nothing]);
  await home.run("--hold", "true");
  await home.cli("queue", "set", "empty", "--slots", "1");
  const filters = [
    ["--name", "nosuch"],
    ["--since", "0s"],
    ["--state", "failed"],
    ["--label", "a=b"],
    ["--queue", "empty"],
  ];
  for (const filter of filters) expect(await said(...filter)).toBe("no task matches\n");
});

it("shows more tasks than fit into one message", async ({ home }) => {
  await home.run("--hold", "true");
  const count = 10;
  for (const name of ["first half", "second half"]) {
    const tasks = Array.from({ length: count }, () => ({ ...oneMebibyte, labels: { half: name } }));
    await home.rpc("tasks/batch", { tasks });
  }
  expect(await ids(home)).toEqual(Array.from({ length: 2 * count + 1 }, (_, at) => at + 1));
  expect(await ids(home, "--label", "half=second half", "--limit", "1")).toEqual([2 * count + 1]);
  expect((await home.cli("wait", "1", "2", "--until", "submitted")).code).toBe(0);
});

it("ends a page before its message is too long, and returns where the next page starts", async ({ home }) => {
  await home.run("--hold", "true");
  for (let n = 0; n < 2; n++)
    await home.rpc("tasks/batch", { tasks: Array.from({ length: 10 }, () => oneMebibyte) });
  const page = await home.rpc("tasks/list", { recent: 20 });
  expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(16 * 1024 * 1024);
  const rest = await home.rpc("tasks/list", { recent: 20, cursor: page.next });
  const found = [...page.tasks, ...rest.tasks].map(({ id }) => id);
  expect(found).toEqual(Array.from({ length: found.length }, (_, at) => at + 1));
});

it("refuses an unknown cursor and names the field", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const refused = await home.rpc("tasks/list", { cursor: "zzz" }).catch((error) => error);
  expect([refused.code, refused.data?.field]).toEqual([-32602, "cursor"]);
  expect((await home.rpc("tasks/list", { cursor: `${id}` })).tasks).toEqual([]);
});

it("shows chosen columns in the chosen order, or a line from a template", async ({ home }) => {
  const slow = await home.run("--name", "slow", "--hold", "sleep", "1");
  const quick = await home.run("--name", "quick", "true");
  await home.reaches(quick, "completed");
  const table = await home.cli("list", "--columns", "name,exit", "--sort", "name:desc");
  expect(table.stdout).toBe("NAME   EXIT\nslow      -\nquick     0\n");
  const lines = await home.cli("list", "--format", "{id}\\t{waiting.for}\\t{name}\\n", "--sort", "id");
  expect(lines.stdout).toBe(`${slow}\thold\tslow\n${quick}\t\tquick\n`);
  expect((await home.cli("show", "quick", "--format", "{exitCode}")).stdout).toBe("0\n");
  const unknown = await home.cli("list", "--columns", "nam");
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("did you mean name?")]);
  expect((await home.cli("list", "--format", "{nam}")).code).toBe(2);
});
