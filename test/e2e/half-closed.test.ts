/** A peer that sends its requests and closes its side, as `nc -N` does at the end of input, gets its responses. */
import { readdirSync } from "node:fs";
import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { open } from "./story.ts";

const lines = (...requests: object[]) =>
  requests.map((request, id) => `${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`).join("");

it("answers a half-closed peer even if a request takes a while", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const wire = await home.connect();
  wire.socket.end(lines({ method: "tasks/pause", params: { id } }, { method: "tasks/get", params: { id } }));
  const answers = [await wire.read(), await wire.read()];
  expect(answers.map((answer) => answer.id).sort()).toEqual([0, 1]);
  expect(answers.find((answer) => answer.id === 0)?.result.task.state).toBe("suspended");
});

it("waits for the end of a task on behalf of a half-closed peer", async ({ home }) => {
  const id = await home.run("--stdin", "pipe", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done");
  await home.reaches(id, "working");
  const wire = await home.connect();
  wire.socket.end(lines({ method: "tasks/wait", params: { id } }));
  await home.rpc("tasks/send", { id, text: "the wait has been taken by now" });
  expect(wire.inbox).toEqual([]);
  open(home);
  expect((await wire.read()).result).toMatchObject({ timedOut: false, task: { state: "completed" } });
  await until(() => wire.isClosed);
});

it("sends events to a half-closed peer that subscribed to them", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const wire = await home.connect();
  wire.socket.end(lines({ method: "tasks/subscribe", params: { id } }));
  await wire.read(({ id: answered }) => answered === 0);
  await home.cli("cancel", `${id}`);
  expect((await wire.read()).params).toMatchObject({ task: id, to: "canceled" });
});

it("releases the connection of a half-closed peer when the peer is gone", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const pid = await home.daemonPid();
  const sockets = () => readdirSync(`/proc/${pid}/fd`).length;
  const before = sockets();
  const wires = await Promise.all(Array.from({ length: 20 }, () => home.connect()));
  for (const wire of wires) wire.socket.end(lines({ method: "tasks/wait", params: { id } }));
  // Some of the earlier descriptors may have been closed meanwhile.
  await until(() => sockets() >= before + 15);
  for (const wire of wires) wire.close();
  // The margin allows for descriptors of the task's own process.
  await until(() => sockets() < before + 5);
  expect((await home.task(id)).state).toBe("working");
});
