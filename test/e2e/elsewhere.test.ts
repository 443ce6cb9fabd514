import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished } from "vitest";
import { Home, it, needsOwnStore, until } from "../harness/index.ts";
import { Web } from "../harness/web.ts";
import { open } from "./story.ts";

/** Returns a home whose socket leads to another home's daemon, and where that home's files cannot be read. */
async function forwarded(far: Home): Promise<Home> {
  const near = new Home();
  mkdirSync(near.dir, { mode: 0o700 });
  writeFileSync(join(near.dir, "daemon.lock"), "");
  const server = createServer((client) => {
    const daemon = connect(far.socket);
    client.pipe(daemon);
    createInterface({ input: daemon }).on("line", (line) =>
      client.write(`${line.replaceAll(far.dir, "/not-here")}\n`),
    );
    for (const socket of [client, daemon]) socket.on("error", () => client.destroy());
    daemon.on("close", () => client.end());
    client.on("close", () => daemon.destroy());
  });
  await new Promise<void>((resolve) => server.listen(near.socket, resolve));
  onTestFinished(async () => {
    await near.disconnect();
    await new Promise((resolve) => server.close(resolve));
    near.remove();
  });
  return near;
}

it("reads logs through the daemon of another home", async ({ home }) => {
  const script = `printf 'a\\0b\\n'; printf '\\377' > x; agentctl checkpoint get >/dev/null 2>&1
    until [ -e go ]; do sleep 0.02; done; seq 1 50000; exit 3`;
  const id = await home.run("sh", "-c", script);
  const near = await forwarded(home);
  const following = near.spawn("logs", "-f", `${id}`);
  await until(() => following.stdout === "a\0b\n", { message: "the first line" });
  open(home);
  expect(await following.ended).toMatchObject({ code: 0 });
  const there = await home.cli("logs", `${id}`);
  expect(following.stdout).toBe(there.stdout);
  expect(await near.cli("logs", `${id}`)).toEqual(there);
  expect((await near.cli("logs", `${id}`, "-n", "2")).stdout).toBe("49999\n50000\n");
  expect((await near.cli("logs", "--all", "-n", "1")).stdout).toBe(`${id} | 50000\n`);
  expect((await near.cli("show", `${id}`)).stdout).toContain("  50000");
  expect(await near.cli("wait", `${id}`)).toMatchObject({ code: 3 });
  const ran = await near.cli("run", "-f", "sh", "-c", "echo here; exit 4");
  expect(ran).toMatchObject({ code: 4, stdout: "here\n" });
});

it("prints an artifact of another home byte for byte", async ({ home }) => {
  const id = await home.run(
    home.module(`
      import { defineTask } from "agentctl";
      export default defineTask(async (task) => {
        await task.artifact("big", Buffer.alloc(700_000, "abc"));
      });`),
  );
  await home.reaches(id, "completed");
  const near = await forwarded(home);
  const { stdout } = await near.cli("artifact", "get", `${id}`);
  expect(stdout === "abc".repeat(233_334).slice(0, 700_000)).toBe(true);
});

it("returns parts of a log and waits for more", async ({ home }) => {
  const id = await home.run("sh", "-c", "echo one; until [ -e go ]; do sleep 0.02; done; echo two");
  const piece = (params: object) => home.rpc("logs/read", { id, ...params });
  const text = ({ data }: { data: string }) => Buffer.from(data, "base64").toString();
  await until(async () => text(await piece({})) === "one\n");
  expect(await piece({ offset: 1, length: 2 })).toEqual({
    data: Buffer.from("ne").toString("base64"),
    offset: 1,
    size: 4,
    live: true,
    missing: null,
  });
  expect(await piece({ fromEnd: 2, attempt: 1 })).toMatchObject({ offset: 2, size: 4 });
  const more = piece({ offset: 4, waitMs: 20_000 });
  open(home);
  expect(text(await more)).toBe("two\n");
  await home.reaches(id, "completed");
  expect(await piece({ offset: 8, waitMs: 20_000 })).toMatchObject({ data: "", live: false });
});

it("reports a removed log, and does not print it as an empty one", async ({ home }) => {
  const id = await home.run("echo", "hello");
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout).toBe("hello\n");
  rmSync(join(home.dir, "logs", `${id}`, "1.log"));
  const printed = await home.cli("logs", `${id}`);
  expect(printed).toMatchObject({ code: 3, stdout: "" });
  expect(printed.stderr).toContain(`the log of task ${id}, attempt 1, cannot be read: it was removed`);
  await expect(home.rpc("logs/read", { id })).rejects.toMatchObject({ data: { name: "LogNotFound" } });
  expect(await home.json("logs", "--all")).toEqual([{ id, logs: [] }]);
  const web = await Web.open(home);
  for (const query of ["", "?attempt=1", "?follow=1"])
    expect(await web.json(`/tasks/${id}/log${query}`)).toMatchObject({
      status: 404,
      body: { error: { name: "LogNotFound", data: { id, attempt: 1 } } },
    });
  // A program that printed nothing has an empty log, even if another task got its folder.
  const silent = await home.run("true");
  await home.reaches(silent, "completed");
  expect(await home.cli("logs", `${silent}`)).toMatchObject({ code: 0, stdout: "" });
  expect(await (await web.fetch(`/tasks/${silent}/log`)).text()).toBe("");
});

it("prints the logs of the other tasks if the log of one was removed", async ({ home }) => {
  const [gone, there] = [await home.run("echo", "gone"), await home.run("echo", "there")];
  for (const id of [gone, there]) await home.reaches(id, "completed");
  rmSync(join(home.dir, "logs", `${gone}`, "1.log"));
  for (const options of [[], ["--follow"], ["--lines", "1"]]) {
    expect(await home.cli("logs", `${gone}`, `${there}`, ...options)).toEqual({
      code: 1,
      stdout: `${there} | there\n`,
      stderr: expect.stringContaining(`the log of task ${gone}, attempt 1, cannot be read: it was removed`),
    });
  }
});

it("gives a copied home another id", async ({ home }) => {
  needsOwnStore(home, "a copy of a machine is refused");
  const hello = async () =>
    (await home.rpc("daemon/hello", { version: (await home.rpc("daemon/status")).version })).home;
  await home.cli("daemon", "start");
  const first = await hello();
  await home.cli("daemon", "restart");
  expect(await hello()).toBe(first);
  await home.cli("daemon", "stop");
  const copy = await home.sh(`cp -a "${home.dir}" "${home.dir}.copy"`);
  expect(copy.code).toBe(0);
  renameSync(home.dir, `${home.dir}.first`);
  renameSync(`${home.dir}.copy`, home.dir);
  await home.cli("daemon", "start");
  expect(await hello()).not.toBe(first);
});
