import { execFileSync } from "node:child_process";
import { expect } from "vitest";
import { it, processes, until } from "../harness/index.ts";
import { oneSlot } from "./story.ts";

const ended = ["completed", "failed", "canceled"];

it("leaves the task after a canceled one alone, even under the same guard", async ({ home }) => {
  const queue = await oneSlot(home);
  for (let round = 0; round < 8; round++) {
    const first = await home.run("--queue", queue, "sleep", "60");
    const next = await home.run("--queue", queue, "sh", "-c", "sleep 0.1; exit 7");
    await home.reaches(first, "working");
    await home.rpc("tasks/cancel", { id: first });
    const { task } = await home.rpc("tasks/wait", { id: next });
    expect(task).toMatchObject({ state: "failed", exitCode: 7, attempt: 1 });
  }
});

it("never marks a program as suspended that ends while it is being frozen", async ({ home }) => {
  await home.cli("daemon", "start");
  for (let round = 0; round < 20; round++) {
    const { task } = await home.rpc("tasks/create", { argv: ["sleep", "0.03"] });
    await until(async () => (await home.task(task.id)).state !== "submitted");
    await new Promise((resolve) => setTimeout(resolve, 10 + round * 2));
    await home.rpc("tasks/pause", { id: task.id, mode: "freeze" }).catch(() => {});
    if ((await home.task(task.id)).state === "suspended") await home.rpc("tasks/resume", { id: task.id });
    await until(async () => ended.includes((await home.task(task.id)).state), { message: "the end" });
    expect(await home.task(task.id)).toMatchObject({ state: "completed", exitCode: 0 });
  }
  const stopped = () => processes(home.dir).filter(({ state }) => state === "T");
  await until(() => stopped().length === 0, { message: "no stopped process" });
});

it("answers a wait for a state if the task ends in another one", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const waiting = home.rpc("tasks/wait", { id, until: ["working"] });
  await home.cli("cancel", `${id}`);
  expect((await waiting).task.state).toBe("canceled");
});

it("cancels a task during its pause, and rejects the pause", async ({ home }) => {
  const id = await home.run(
    "--pause-mode",
    "checkpoint",
    "sh",
    "-c",
    "trap '' TERM; echo up; while :; do sleep 0.1; done",
  );
  await until(async () => (await home.cli("logs", `${id}`)).stdout.includes("up"));
  const pausing = home.rpc("tasks/pause", { id, graceMs: 30_000 });
  pausing.catch(() => {});
  await until(
    async () => (await home.rpc("tasks/get", { id, details: true })).task.activity.doing === "pause",
  );
  expect((await home.rpc("tasks/cancel", { id, graceMs: 0 })).task.state).toBe("canceled");
  await expect(pausing).rejects.toMatchObject({ code: -32016 });
});

it("refuses a pipe as an environment file and keeps answering", async ({ home }) => {
  execFileSync("/bin/sh", ["-c", `mkfifo ${home.file("pipe")}`]);
  await home.cli("daemon", "start");
  const refused = home.rpc("tasks/create", { argv: ["true"], envFile: home.file("pipe") });
  await expect(refused).rejects.toMatchObject({ data: { field: "envFile" } });
  expect((await home.cli("list")).code).toBe(0);
});
