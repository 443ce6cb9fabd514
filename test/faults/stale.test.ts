import { expect } from "vitest";
import { type Home, it, RpcError, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { moduleTask } from "./fixtures.ts";
import { killEverything, noted, notes, open, submit, wake } from "./stories.ts";

const writes: Record<string, object> = {
  "attempt/hello": {},
  "attempt/checkpoint": { value: "late" },
  "attempt/step": { name: "late", value: "late" },
  "attempt/keep": { name: "late", n: 0, base: 0, value: "late" },
  "attempt/suspend": { cause: "limit" },
  "attempt/sleep": { ms: 10 },
  "attempt/ask": { prompt: "Late?" },
  "attempt/progress": { done: 99 },
  "attempt/messages": {},
  "attempt/artifact": { name: "late", path: "/etc/hostname" },
  "attempt/suspended": { for: "pause" },
  "attempt/result": { value: "late" },
};

const tokenOf = (home: Home, id: number, n: number): string =>
  sqlite(home, "select token from attempts where task_id = ? and n = ?", [id, n])[0].token;

/** Returns all rows of the task. */
const rowsOf = (home: Home, id: number) =>
  ["tasks where id", "attempts where task_id", "checkpoints where task_id", "steps where task_id"]
    .concat("kept where task_id")
    .concat("messages where task_id", "artifacts where task_id", "events where task_id")
    .map((table) => sqlite(home, `select * from ${table} = ?`, [id]));

async function refusals(home: Home, token: string): Promise<unknown[]> {
  const refused: unknown[] = [];
  for (const [method, params] of Object.entries(writes)) {
    const answer = await home.rpc(method, { token, ...params }).catch((error: unknown) => error);
    refused.push([method, answer instanceof RpcError ? answer.code : answer]);
  }
  return refused;
}

const allStale = Object.keys(writes).map((method) => [method, -32022]);

it("an attempt that was superseded changes nothing and gets StaleAttempt", async ({ home }) => {
  const id = await submit(home, moduleTask(home, [["step"], ["gate"], ["step"]]));
  await noted(home, id, "ran", "gate1");
  const token = tokenOf(home, id, 1);
  await killEverything(home);
  await wake(home);
  await until(() => notes(home, id).some(({ what, attempt }) => what === "ran" && attempt === 2));
  await home.rpc("tasks/send", { id, text: "for the living" });
  const before = rowsOf(home, id);
  expect(await refusals(home, token)).toEqual(allStale);
  expect(rowsOf(home, id)).toEqual(before);
  open(home);
  expect(await home.reaches(id, "completed")).toMatchObject({
    result: ["step0", "gate1", "step2"],
    attempt: 2,
  });
  await check(home, { ids: [id] });
});

it("an attempt whose task is suspended or has ended changes nothing", async ({ home }) => {
  const id = await submit(home, moduleTask(home, [["step"], ["gate"], ["step"]]));
  await noted(home, id, "ran", "gate1");
  await home.rpc("tasks/pause", { id, graceMs: 50 });
  const first = rowsOf(home, id);
  expect(await refusals(home, tokenOf(home, id, 1))).toEqual(allStale);
  expect(rowsOf(home, id)).toEqual(first);
  open(home);
  await home.rpc("tasks/resume", { id });
  await home.reaches(id, "completed");
  const last = rowsOf(home, id);
  for (const n of [1, 2]) expect(await refusals(home, tokenOf(home, id, n))).toEqual(allStale);
  expect(rowsOf(home, id)).toEqual(last);
  await check(home, { ids: [id] });
});
