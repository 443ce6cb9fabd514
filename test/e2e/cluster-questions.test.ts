import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import type { Home } from "../harness/index.ts";
import { it, PATIENT, withServer } from "./cluster-story.ts";

withServer();

const QUESTIONS = 40;

/** Asks questions one by one beside a running step, so that its process stays for the answers. */
const asking = `
  import { existsSync } from "node:fs";
  import { setTimeout as delay } from "node:timers/promises";
  import { defineTask } from "agentctl";
  export default defineTask(async (task, enough) => {
    const busy = task.step("busy", async () => {
      while (!existsSync(enough)) await delay(50);
    });
    const answers = [];
    for (let n = 0; n < ${QUESTIONS}; n++) answers.push(await task.ask("question " + n));
    await busy;
    return answers;
  });`;

/** Answers each question as soon as it is asked, on the two machines in turn. Returns the answers. */
async function answerAll(homes: readonly Home[], id: number): Promise<string[]> {
  const wires = await Promise.all(homes.map((home) => home.connect()));
  const texts: string[] = [];
  const end = Date.now() + PATIENT.deadlineMs;
  for (let turn = 0; texts.length < QUESTIONS && Date.now() < end; turn++) {
    const wire = wires[turn % wires.length] as (typeof wires)[number];
    const { task } = await wire.request("tasks/get", { id });
    if (!task.question) continue;
    const text = `answer to ${task.question.prompt}`;
    await wire.request("tasks/answer", { id, text });
    texts.push(text);
  }
  return texts;
}

it("delivers each answer to a running task, whichever machine takes it", async ({
  cluster: { one, two },
}) => {
  const enough = one.file("enough");
  const module = one.module(asking);
  const ids = [await one.run("--input", JSON.stringify(enough), module)];
  ids.push(await one.run("--input", JSON.stringify(enough), module));
  const given = await Promise.all(ids.map((id) => answerAll([one, two], id)));
  const all = Array.from({ length: QUESTIONS }, (_, n) => `answer to question ${n}`);
  expect(given).toEqual([all, all]);
  writeFileSync(enough, "");
  for (const id of ids) expect((await one.reaches(id, "completed", PATIENT.deadlineMs)).result).toEqual(all);
}, 240_000);
