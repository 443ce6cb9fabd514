import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { LineSplitter } from "../../../src/protocol/framing.ts";
import { RpcClient } from "../../../src/protocol/rpc-client.ts";
import { until } from "../../harness/until.ts";

interface Call {
  id: number;
  method: string;
  params: unknown;
}

/** A client on a real socket, and the other end of the connection, through which the test responds. */
class Pair {
  readonly dir = mkdtempSync(join(tmpdir(), "agentctl-rpc-"));
  readonly received: Call[] = [];
  readonly notified: [method: string, params: unknown][] = [];
  rpc!: RpcClient;
  far!: Socket;
  #server!: Server;

  async open(maxLineBytes?: number): Promise<this> {
    const path = join(this.dir, "s");
    const far = new Promise<Socket>((resolve) => {
      this.#server = createServer(resolve).listen(path);
    });
    await new Promise((resolve) => this.#server.once("listening", resolve));
    this.rpc = new RpcClient(
      connect(path),
      (method, params) => this.notified.push([method, params]),
      maxLineBytes,
    );
    this.far = await far;
    const splitter = new LineSplitter();
    this.far.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.received.push(JSON.parse(line));
    });
    this.far.on("error", () => {});
    return this;
  }

  say(...messages: object[]): void {
    for (const message of messages) this.far.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  async calls(count: number): Promise<void> {
    await until(() => this.received.length >= count);
  }

  close(): void {
    this.rpc.close();
    this.far.destroy();
    this.#server.close();
    rmSync(this.dir, { recursive: true });
  }
}

const test = base.extend<{ pair: Pair }>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner wants a pattern
  pair: async ({}, use) => {
    const pair = new Pair();
    await use(pair);
    pair.close();
  },
});

test("responses in any order reach their calls", async ({ pair }) => {
  const { rpc } = await pair.open();
  const first = rpc.call("tasks/delete", { id: 1 });
  const second = rpc.call("tasks/delete", { id: 2 });
  await pair.calls(2);
  const [one, two] = pair.received;
  pair.say({ id: two?.id, result: "of two" }, { id: one?.id, result: "of one" });
  expect(await Promise.all([first, second])).toEqual(["of one", "of two"]);
  expect(pair.received.map(({ method, params }) => [method, params])).toEqual([
    ["tasks/delete", { id: 1 }],
    ["tasks/delete", { id: 2 }],
  ]);
});

test("a call rejects with the error of the other end and its facts", async ({ pair }) => {
  const { rpc } = await pair.open();
  const call = rpc.call("tasks/delete", { id: 9 });
  await pair.calls(1);
  const data = { name: "TaskNotFound", hint: "agentctl list --all", id: 9 };
  pair.say({ id: pair.received[0]?.id, error: { code: -32001, message: "no task 9", data } });
  await expect(call).rejects.toMatchObject({ name: "TaskNotFound", message: "no task 9", data: { id: 9 } });
});

test("a notification goes to its listener and resolves no call", async ({ pair }) => {
  const { rpc } = await pair.open();
  const call = rpc.call("queues/list", {});
  await pair.calls(1);
  pair.say(
    { method: "attempt/pause", params: { graceMs: 5, over: false } },
    { id: 1, result: { queues: [] } },
  );
  expect(await call).toEqual({ queues: [] });
  expect(pair.notified).toEqual([["attempt/pause", { graceMs: 5, over: false }]]);
});

test("a response to an unknown call is ignored, and so is a second response", async ({ pair }) => {
  const { rpc } = await pair.open();
  const call = rpc.call("queues/list", {});
  await pair.calls(1);
  pair.say({ id: 77, result: 1 }, { id: 1, result: "first" }, { id: 1, result: "second" });
  expect(await call).toBe("first");
});

test("if the other end closes, all pending and later calls reject with the same error", async ({ pair }) => {
  const { rpc } = await pair.open();
  const calls = [1, 2, 3].map((id) => rpc.call("tasks/delete", { id }));
  await pair.calls(3);
  pair.far.destroy();
  const ends = await Promise.allSettled(calls);
  const errors = ends.map((end) => (end.status === "rejected" ? end.reason : end));
  expect(new Set(errors).size).toBe(1);
  expect(errors[0]).toMatchObject({
    name: "DaemonUnreachable",
    message: expect.stringMatching(/closed before the answer, so the request may have been carried out$/),
    hint: "agentctl list shows how things stand",
  });
  await expect(rpc.call("queues/list", {})).rejects.toBe(errors[0]);
  expect(await rpc.closed).toBe(errors[0]);
});

test("if the client closes, its pending calls reject with the given reason", async ({ pair }) => {
  const { rpc } = await pair.open();
  const call = rpc.call("queues/list", {});
  rpc.close("enough");
  await expect(call).rejects.toThrow("enough");
  expect((await rpc.closed).message).toContain("enough");
});

test.each([
  ["not JSON", "{oops\n"],
  ["null", "null\n"],
  ["a number", "7\n"],
  ["binary", "\u0000\u0001\n"],
])("%s from the other end never leaves a call pending", async ([, text]) => {
  const pair = await new Pair().open();
  try {
    const call = pair.rpc.call("queues/list", {});
    pair.far.write(text as string);
    pair.far.end();
    await expect(call).rejects.toMatchObject({ name: "DaemonUnreachable" });
  } finally {
    pair.close();
  }
});

test("a line longer than the limit ends the connection", async ({ pair }) => {
  const { rpc } = await pair.open(1000);
  const call = rpc.call("queues/list", {});
  pair.far.write("x".repeat(1001));
  await expect(call).rejects.toThrow("a line of more than 1000 bytes");
});
