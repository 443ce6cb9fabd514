import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, until } from "../harness/index.ts";
import { counting, it, PATIENT, withServer } from "./cluster-story.ts";

withServer();

async function machineNamed(home: Home, name: string) {
  const machines: { name: string; state: string }[] = await home.json("machine", "list");
  return machines.find((each) => each.name === name);
}

/** Waits until the task works on that machine. */
async function worksOn(home: Home, id: number, name: string): Promise<void> {
  const isThere = async () => {
    const { state, machine } = await home.task(id);
    return state === "working" && machine === name;
  };
  await until(isThere, { ...PATIENT, message: `task ${id} working on ${name}` });
}

it("moves tasks between machines, and limits, drains and removes machines", async ({ cluster }) => {
  const { one, two } = cluster;
  const enough = one.file("enough");
  const given = ["--input", JSON.stringify(enough), one.module(counting)] as const;
  const id = await one.run("--on", "one", ...given);
  await worksOn(two, id, "one");
  await until(() => existsSync(join(one.dir, "tasks", `${id}`, "lines")), PATIENT);
  expect((await two.task(id)).runMs).toBeGreaterThan(0);

  expect(await two.cli("move", `${id}`, "--to", "two")).toMatchObject({ code: 0 });
  await worksOn(one, id, "two");
  expect((await one.cli("move", `${id}`, "--to", "two")).stdout).toContain("is on machine two already");
  expect(await one.cli("pause", `${id}`)).toMatchObject({ code: 0 });
  expect((await one.cli("move", `${id}`, "--to", "one")).stdout).toContain("is suspended, as it was");
  expect(await one.task(id)).toMatchObject({ state: "suspended" });
  expect(await two.cli("move", `${id}`, "--to", "one", "--resume")).toMatchObject({ code: 0 });
  await worksOn(two, id, "one");

  const set = ["--accept", "ada,ci", "--takeover", "never", "--slots", "1", "--label", "gpu=h100"] as const;
  const { machine } = await one.json("machine", "set", "two", ...set);
  expect(machine).toMatchObject({
    accept: ["ada", "ci"],
    takeover: "never",
    slots: 1,
    labels: { gpu: "h100" },
  });
  const kept = await two.run("--on", "two", "true");
  const isKeptOff = async () => (await two.task(kept)).waiting?.for === "machine";
  await until(isKeptOff, { ...PATIENT, message: "a task of a role that two does not take" });
  const all = ["--accept", "all", "--takeover", "auto", "--label", "gpu="] as const;
  expect((await one.json("machine", "set", "two", ...all)).machine).toMatchObject({
    accept: null,
    takeover: "auto",
    labels: {},
  });
  await one.reaches(kept, "completed", PATIENT.deadlineMs);
  const closed = { code: 0, stdout: "machine two: up, 0 slots, so nothing is started there\n" };
  expect(await one.cli("machine", "set", "two", "--slots", "0")).toMatchObject(closed);
  const isKeptFromTwo = async (id: number) => (await one.task(id)).waiting?.for === "machine";
  const unwanted = await one.run("--on", "two", "true");
  await until(() => isKeptFromTwo(unwanted), PATIENT);
  const wide = await one.run("--slots", "2", "--priority", "-1", "true");
  await until(async () => (await one.task(wide)).waiting?.for === "machine", PATIENT);
  expect((await one.task(wide)).waiting.on).toBe("one");
  expect(await one.cli("machine", "set", "two", "--slots", "2")).toMatchObject({ code: 0 });
  await one.reaches(wide, "completed", PATIENT.deadlineMs);
  await one.reaches(unwanted, "completed", PATIENT.deadlineMs);
  expect(await one.cli("machine", "set", "nowhere", "--slots", "1")).toMatchObject({ code: 3 });
  const nowhere = await one.json("move", `${unwanted}`, "--to", "nowhere");
  expect(nowhere.error).toMatchObject({ name: "MachineNotFound", data: { machine: "nowhere" } });
  expect(await one.cli("machine", "set", "two", "--takeover", "perhaps")).toMatchObject({ code: 2 });

  const free = await one.run(...given);
  await until(async () => (await one.task(free)).state === "working", PATIENT);
  expect(await one.cli("edit", `${id}`, "--on", "two")).toMatchObject({ code: 4 });
  expect(await two.cli("machine", "drain", "one")).toMatchObject({ code: 0 });
  await worksOn(two, free, "two");
  expect(await machineNamed(two, "one")).toMatchObject({ state: "draining" });
  // The task asked for machine one, which no longer starts anything.
  await until(async () => (await two.task(id)).waiting?.for === "machine", PATIENT);
  expect(await two.cli("machine", "forget", "one")).toMatchObject({ code: 4 });

  expect(await one.cli("cluster", "leave")).toMatchObject({
    code: 0,
    stdout: "machine one has left the cluster\n",
  });
  expect(await machineNamed(two, "one")).toBeUndefined();
  expect(await one.json("list")).toEqual([]);
  const own = await one.run("echo", "stands alone");
  expect(own).toBe(1);
  await one.reaches(own, "completed", PATIENT.deadlineMs);
  expect((await one.cli("logs", "1")).stdout).toBe("stands alone\n");
  expect(await one.cli("cluster", "status")).toMatchObject({ code: 4 });
  writeFileSync(enough, "");
  await two.reaches(free, "completed", PATIENT.deadlineMs);
}, 480_000);
