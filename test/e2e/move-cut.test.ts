/** A move that does not come to its end: what is said of it, what is left, and what the same command does then. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { closeHome, Home, it } from "../harness/index.ts";
import { noted, taskModule } from "./story.ts";

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

async function paused(home: Home, ...options: string[]): Promise<number> {
  const id = await home.run(...options, home.module(waits));
  await noted(home, 1);
  await home.cli("pause", `${id}`);
  return id;
}

it("leaves no bundle in either home once it is finished or taken back", async ({ home }) => {
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
