/** What a running program may send on the socket, as with `nc -U`. */
import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { speaker } from "./story.ts";

it("resolves artifact paths against the task's directory, not the daemon's", async ({ home }) => {
  const { id, token } = await speaker(home);
  const keep = (name: string, path: string) => home.rpc("attempt/artifact", { token, name, path });
  writeFileSync(home.file("own.txt"), "own");
  await keep("near", "own.txt");
  await keep("far", home.file("own.txt"));
  for (const path of ["agentctl.db", ""]) {
    const { data } = await keep("none", path).catch((refused) => refused);
    expect([path, data?.name, data?.field]).toEqual([path, "InvalidParams", "path"]);
  }
  const listed = await home.json("artifact", "list", `${id}`);
  expect(listed.map(({ name, size }: { name: string; size: number }) => [name, size])).toEqual([
    ["near", 3],
    ["far", 3],
  ]);
});

it("refuses negative progress and names the field", async ({ home }) => {
  const { id, token } = await speaker(home);
  const tell = (params: object) => home.rpc("attempt/progress", { token, ...params });
  await tell({ done: 0, total: 0 });
  const wrong: [string, object][] = [
    ["done", { done: -1 }],
    ["total", { done: 1, total: -2 }],
  ];
  for (const [field, params] of wrong) {
    const { code, data } = await tell(params).catch((refused) => refused);
    expect([params, code, data?.field]).toEqual([params, -32602, field]);
  }
  expect((await home.task(id)).progress).toEqual({ done: 0, total: 0, message: null });
});

it("names the task and its state when it refuses a request about the task", async ({ home }) => {
  const { id, token } = await speaker(home);
  const refusals: [name: string, method: string, params: object][] = [
    ["InvalidParams", "attempt/artifact", { name: "a", path: "gone" }],
    ["InvalidParams", "attempt/artifact", { name: "a/b", path: "notes" }],
    ["UnsupportedOperation", "attempt/suspended", { for: "pause" }],
    ["UnsupportedOperation", "attempt/suspended", { for: "ask" }],
  ];
  for (const [name, method, params] of refusals) {
    const { data } = await home.rpc(method, { token, ...params }).catch((refused) => refused);
    expect([params, data]).toMatchObject([params, { name, id, state: "working" }]);
  }
  const refused = await home.rpc("attempt/artifact", { token, name: "a/b", path: "notes" }).catch((it) => it);
  expect(refused.message).toMatch(/name: "a\/b" is not a file name of up to 200 characters/);
});

it("refuses texts with a lone surrogate, but keeps one in a JSON value", async ({ home }) => {
  const { id, token } = await speaker(home);
  const half = "cut \ud83d";
  const refused: [field: string, method: string, params: object][] = [
    ["name", "attempt/step", { name: half, value: 1 }],
    ["prompt", "attempt/ask", { prompt: half }],
    ["label", "attempt/checkpoint", { value: 1, label: half }],
    ["name", "attempt/artifact", { name: half, path: "notes" }],
    ["text", "tasks/send", { id, text: half }],
    ["name", "tasks/create", { argv: ["true"], name: half }],
    ["argv.1", "tasks/create", { argv: ["true", half] }],
    ["labels.a", "tasks/create", { argv: ["true"], labels: { a: half } }],
  ];
  for (const [field, method, params] of refused) {
    const mine = method.startsWith("attempt/") ? { token, ...params } : params;
    const { code, data } = await home.rpc(method, mine).catch((error) => error);
    expect([method, code, data?.field]).toEqual([method, -32602, field]);
  }
  // A value is JSON, which can hold a lone surrogate as an escape.
  await home.rpc("attempt/checkpoint", { token, value: half });
  const { data } = await home.rpc("checkpoints/get", { id });
  expect(JSON.parse(Buffer.from(data, "base64").toString())).toBe(half);
});
