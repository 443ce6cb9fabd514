import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { processes, signalTo, until } from "../harness/index.ts";
import { it, PATIENT, withServer } from "./cluster-story.ts";

withServer();

/** Prints a line, then about 2 MB once the file `go` exists. */
const printing = (go: string) => `echo begins; while [ ! -e '${go}' ]; do sleep 0.05; done; seq 1 300000`;
const MIB = 1024 * 1024;

/** A module that leaves an artifact and prints a line. */
const leaving = `
  import { defineTask } from "agentctl";
  export default defineTask(async (task) => {
    await task.artifact("note.txt", "an older text");
    await task.artifact("note.txt", "what it left");
    console.log("has left it");
  });`;

it("serves logs and artifacts of any machine, even parts of them from a dead machine", async ({
  cluster,
}) => {
  const { one, two } = cluster;
  const go = one.file("go");
  const run = two.cli("run", "--follow", "--on", "one", "sh", "-c", printing(go));
  const [task] = await until(
    () => two.json("list", "--on", "one").then((all) => all.length > 0 && all),
    PATIENT,
  );
  const { id } = task;
  const begun = async () => (await two.cli("logs", `${id}`)).stdout === "begins\n";
  await until(begun, PATIENT);
  writeFileSync(go, "");
  const followed = await run;
  expect(followed.code).toBe(0);
  const whole = (await one.cli("logs", `${id}`)).stdout;
  expect(whole.startsWith("begins\n1\n") && whole.endsWith("\n300000\n")).toBe(true);
  expect(followed.stdout === whole).toBe(true);
  expect((await two.cli("logs", `${id}`)).stdout === whole).toBe(true);
  expect((await two.cli("logs", "-n", "2", `${id}`)).stdout).toBe("299999\n300000\n");
  expect(await two.json("logs", `${id}`)).toMatchObject([{ attempt: 1, machine: "one", start: 0 }]);

  const left = await one.run("--on", "one", one.module(leaving));
  await two.reaches(left, "completed", PATIENT.deadlineMs);
  expect(await two.json("artifact", "list", `${left}`)).toMatchObject([{ name: "note.txt", machine: "one" }]);
  const open = await one.run("--on", "one", "--on-lost", "fail", "sh", "-c", "echo is cut; sleep 600");
  await until(async () => (await two.cli("logs", `${open}`)).stdout === "is cut\n", PATIENT);

  for (const { pid } of processes(one.root)) signalTo(pid, "SIGKILL");
  await two.reaches(open, "failed", PATIENT.deadlineMs);
  const tail = await two.cli("logs", `${id}`);
  expect(tail).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/begins on machine one.* last seen /),
  });
  expect(tail.stdout === whole.slice(-MIB)).toBe(true);
  expect((await two.cli("logs", `${left}`)).stdout).toBe("has left it\n");
  expect((await two.cli("artifact", "get", `${left}`)).stdout).toBe("what it left");
  const lost = await two.cli("logs", `${open}`);
  expect(lost).toMatchObject({ stdout: "", stderr: expect.stringContaining("is on machine one, which") });
  expect(lost.code).not.toBe(0);

  expect(await one.cli("daemon", "start")).toMatchObject({ code: 0 });
  expect((await two.cli("logs", `${id}`)).stdout === whole).toBe(true);
  expect((await two.cli("logs", `${open}`)).stdout).toBe("is cut\n");
}, 240_000);
