/** A move that does not finish: what is reported, what is left, and what the same command does later. */
import { readdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { closeHome, Home, it, until } from "../harness/index.ts";
import { noted, open, taskModule } from "./story.ts";

const waits = taskModule(`
  await task.step("first", async () => {
    note("on");
    while (!existsSync("go") && !task.pausing.aborted) await delay(5);
  });
  await task.step("second", () => gate("go"));
`);

async function box(): Promise<{ there: Home; to: string }> {
  const there = new Home();
  await there.cli("daemon", "start");
  onTestFinished(async () => expect(await closeHome(there)).toEqual([]));
  return { there, to: `unix://${there.socket}` };
}

/** Returns a socket that leads to the daemon, but delivers nothing from this method on. */
async function silentAt(there: Home, method: string): Promise<string> {
  const path = there.file("silent.sock");
  const server = createServer((near) => {
    const far = connect(there.socket);
    far.pipe(near);
    near.on("data", (chunk) => (chunk.includes(method) ? near.pause() : far.write(chunk)));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const)
      socket.on("close", () => other.destroy()).on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return path;
}

async function paused(home: Home, ...options: string[]): Promise<number> {
  const id = await home.run(...options, home.module(waits));
  await noted(home, 1);
  await home.cli("pause", `${id}`);
  return id;
}

const waysOut = (id: number) =>
  `agentctl move ${id} finishes that, agentctl move ${id} --abort takes it back`;

it("reports that a task is on its way, and what helps, until the task has arrived", async ({ home }) => {
  const { there, to } = await box();
  const id = await paused(home);
  const refused = await home.cli("move", `${id}`, "--to", to, "--cwd", "/not/there");
  expect(refused).toEqual({
    code: 2,
    stdout: "",
    stderr: [
      `task ${id} is on its way to ${to}; ${waysOut(id)}`,
      `agentctl: --cwd: /not/there does not exist (at ${to})`,
      "  --cwd <directory> names one that is there",
      "",
    ].join("\n"),
  });
  const shown = (await home.cli("show", `${id}`)).stdout.split("\n").slice(1, 3);
  expect(shown).toEqual([`  is on its way to ${to}`, `  ${waysOut(id)}`]);
  expect((await home.cli("list")).stdout).toContain(`on its way to ${to}`);
  open(home);
  expect(await home.cli("move", `${id}`)).toMatchObject({ code: 0, stderr: "" });
  expect(await there.json("list", "--all")).toHaveLength(1);
});

it("reports that a task is on its way if Ctrl-C stops the command", async ({ home }) => {
  const { there } = await box();
  const id = await paused(home);
  const silent = await silentAt(there, "bundles/write");
  const command = home.spawn("move", `${id}`, "--to", `unix://${silent}`);
  await until(async () => (await home.task(id)).moving !== null, { message: "the move" });
  command.kill("SIGINT");
  const left = await command.ended;
  expect([left.code, left.stderr]).toEqual([130, expect.stringContaining(waysOut(id))]);
});

it("leaves no bundle in a home after a move has been finished or taken back", async ({ home }) => {
  const { there, to } = await box();
  const id = await paused(home);
  const cut = async (move: string) => {
    const exported = await home.rpc("tasks/export", { id, move: { id: move, to, goesOn: false } });
    const piece = { bundle: exported.bundle, offset: 0, length: 100 };
    const { data } = await home.rpc("bundles/read", piece);
    await there.rpc("bundles/write", { offset: 0, data });
  };
  const bundles = () => [home, there].map(({ dir }) => readdirSync(join(dir, "bundles")).length);
  await cut("first");
  await cut("first");
  expect(bundles()).toEqual([2, 2]);
  await home.cli("move", `${id}`, "--abort");
  expect(bundles()[0]).toBe(0);
  await cut("second");
  expect(await home.cli("move", `${id}`)).toMatchObject({ code: 0 });
  expect(bundles()).toEqual([0, 2]);
});

it("changes nothing if the task is in that home already, or not on its way", async ({ home }) => {
  const id = await paused(home);
  const to = `unix://${home.socket}`;
  const stderr = `task ${id} is in that home already\n`;
  expect(await home.cli("move", `${id}`, "--to", to)).toEqual({ code: 0, stdout: "", stderr });
  expect(await home.json("move", `${id}`, "--to", to)).toMatchObject({ id, state: "suspended" });
  expect(await home.json("list", "--all")).toHaveLength(1);
  const abort = await home.cli("move", `${id}`, "--abort");
  expect(abort).toMatchObject({ code: 2 });
  expect(abort.stderr).toContain(`task ${id} is not on its way`);
});
