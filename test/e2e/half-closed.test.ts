/** A peer that sends its requests and closes its side, as `nc -N` does at the end of its input, still gets its answers. */
import { readdirSync } from "node:fs";
import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { open } from "./story.ts";

const lines = (...requests: object[]) =>
  requests.map((request, id) => `${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`).join("");

it("answers also what takes a while", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const wire = await home.connect();
  wire.socket.end(lines({ method: "tasks/pause", params: { id } }, { method: "tasks/get", params: { id } }));
  const answers = [await wire.read(), await wire.read()];
  expect(answers.map((answer) => answer.id).sort()).toEqual([0, 1]);
  expect(answers.find((answer) => answer.id === 0)?.result.task.state).toBe("suspended");
});

it("waits until the task has ended", async ({ home }) => {
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

it("sends the events that it subscribed to", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const wire = await home.connect();
  wire.socket.end(lines({ method: "tasks/subscribe", params: { id } }));
  await wire.read(({ id: answered }) => answered === 0);
  await home.cli("cancel", `${id}`);
  expect((await wire.read()).params).toMatchObject({ task: id, to: "canceled" });
});

it("is not kept when it is gone", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const pid = await home.daemonPid();
  const sockets = () => readdirSync(`/proc/${pid}/fd`).length;
  const before = sockets();
  const wires = await Promise.all(Array.from({ length: 20 }, () => home.connect()));
  for (const wire of wires) wire.socket.end(lines({ method: "tasks/wait", params: { id } }));
  // Some of what there was before may have gone meanwhile.
  await until(() => sockets() >= before + 15);
  for (const wire of wires) wire.close();
  // The task's own process has descriptors here too.
  await until(() => sockets() < before + 5);
  expect((await home.task(id)).state).toBe("working");
});
