import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { callAsTask } from "../../../src/client/attempt.ts";
import { connect, connectWith } from "../../../src/client/connect.ts";
import { persist } from "../../../src/client/persist.ts";
import { stopDaemon } from "../../../src/client/stop.ts";
import { AgentctlError, type WireError } from "../../../src/core/errors.ts";
import { type Paths, pathsOf } from "../../../src/home/paths.ts";

interface Call {
  id: number;
  method: string;
  params: { version?: string; nonce?: string };
}
type Answer = object | AgentctlError | "close";

let root: string;
let paths: Paths;
let servers: Server[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ac-client-"));
  paths = pathsOf({ AGENTCTL_HOME: join(root, "home") });
  mkdirSync(paths.home);
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(root, { recursive: true });
});

/** Starts a server on the home's socket that responds to each call with `answer`, and records the calls. */
async function serve(answer: (call: Call) => Answer): Promise<{ calls: string[]; end: () => Promise<void> }> {
  const calls: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().trim().split("\n")) {
        const call = JSON.parse(line) as Call;
        calls.push(call.method);
        const given = answer(call);
        if (given === "close") socket.destroy();
        else socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: call.id, ...wire(given) })}\n`);
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(paths.socket, resolve));
  const end = async () => {
    for (const socket of sockets) socket.destroy();
    servers = servers.filter((each) => each !== server);
    await new Promise((resolve) => server.close(resolve));
  };
  return { calls, end };
}

function wire(given: object | AgentctlError): { result: object } | { error: WireError } {
  return given instanceof AgentctlError ? { error: given.toWire() } : { result: given };
}

const never = () => ({ paths, env: {}, start: "never" as const });

test("the first message of a connection is a greeting with the version", async () => {
  const { calls } = await serve((call) => ({ version: call.params.version, queues: [] }));
  const rpc = await connect(never());
  await rpc.call("queues/list", {});
  rpc.close();
  expect(calls).toEqual(["daemon/hello", "queues/list"]);
});

test("a daemon of another version is refused before any request is sent to it", async () => {
  const mismatch = new AgentctlError("VersionMismatch", { daemon: "2.0.0", client: __VERSION__ });
  const { calls } = await serve(() => mismatch);
  await expect(connect(never())).rejects.toMatchObject({ name: "VersionMismatch", exitCode: 5 });
  expect(calls).toEqual(["daemon/hello"]);
});

test("a call sent after the greeting is repeated if the greeting gets no response", async () => {
  let greetings = 0;
  const { calls } = await serve(({ method }) =>
    method === "daemon/hello" && ++greetings === 1 ? "close" : { queues: [] },
  );
  const options = { ...never(), patienceMs: 5000 };
  const { rpc, opening } = await connectWith(options, (each) => each.call("queues/list", {}));
  expect(await opening).toEqual({ queues: [] });
  rpc.close();
  expect(calls.slice(-2)).toEqual(["daemon/hello", "queues/list"]);
});

test("a version mismatch is reported instead of the response to a call sent after the greeting", async () => {
  const mismatch = new AgentctlError("VersionMismatch", { daemon: "2.0.0", client: __VERSION__ });
  await serve(({ method }) => (method === "daemon/hello" ? mismatch : { queues: [] }));
  const opened = connectWith(never(), (rpc) => rpc.call("queues/list", {}));
  await expect(opened).rejects.toMatchObject({ name: "VersionMismatch", exitCode: 5 });
});

test("without a daemon, and without permission to start one, connecting is refused with a hint", async () => {
  await expect(connect(never())).rejects.toMatchObject({
    name: "DaemonUnreachable",
    message: `the daemon cannot be reached: none is running for ${paths.home}`,
    hint: "agentctl daemon start",
  });
});

test("persist repeats its work after the daemon was replaced", async () => {
  const first = await serve(({ method }) => (method === "queues/list" ? "close" : {}));
  let begun = 0;
  const watching = persist(never(), async (rpc) => {
    begun += 1;
    if (begun === 2) void first.end().then(() => serve(() => ({ queues: [] })));
    return await rpc.call("queues/list", {});
  });
  expect(await watching).toEqual({ queues: [] });
  expect(begun).toBeGreaterThanOrEqual(3);
});

test("persist rejects with an error of the daemon", async () => {
  const refused = new AgentctlError("TaskNotFound", { id: 9 });
  await serve(({ method }) => (method === "daemon/hello" ? {} : refused));
  const watching = persist(never(), (rpc) => rpc.call("tasks/get", { id: 9 }));
  await expect(watching).rejects.toMatchObject({ name: "TaskNotFound", data: { id: 9 } });
});

test("a task's own call sends no greeting, and is repeated with the same nonce", async () => {
  const nonces: unknown[] = [];
  const { calls } = await serve(({ params }) => (nonces.push(params.nonce) === 1 ? "close" : { seq: 4 }));
  const params = { token: "t", data: "", nonce: "n" };
  expect(await callAsTask(paths.socket, "attempt/checkpoint", params)).toEqual({ seq: 4 });
  expect([calls, nonces]).toEqual([Array(2).fill("attempt/checkpoint"), ["n", "n"]]);
});

test("stopping a daemon that does not run does nothing", async () => {
  expect(await stopDaemon(paths, {})).toBeUndefined();
});
