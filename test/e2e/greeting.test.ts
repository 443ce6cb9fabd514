/** A greeting, after which a command sends its request in the same write. */
import { expect } from "vitest";
import { it, signalTo, until } from "../harness/index.ts";

const greetingOf = (version: string) =>
  `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "daemon/hello", params: { version } })}\n`;
const creation = (id: number) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method: "tasks/create", params: { argv: ["true"] } })}\n`;

it("executes nothing for a client of another version", async ({ home }) => {
  await home.cli("daemon", "start");
  const wire = await home.connect();
  wire.send(`${greetingOf("0.0.0")}${creation(2)}${creation(3)}`);
  const answers = [await wire.read(), await wire.read(), await wire.read()];
  expect(answers.map(({ id, error }) => [id, error?.data?.name])).toEqual([
    [1, "VersionMismatch"],
    [2, "VersionMismatch"],
    [3, "VersionMismatch"],
  ]);
  wire.close();
  expect((await home.cli("list", "--json")).stdout.trim()).toBe("[]");
});

it("answers the greeting before it starts the request that follows", async ({ home }) => {
  home.env.AGENTCTL_FAULT = "create:after-commit";
  const { version } = JSON.parse((await home.cli("daemon", "start", "--json")).stdout);
  delete home.env.AGENTCTL_FAULT;
  const wire = await home.connect();
  wire.send(`${greetingOf(version)}${creation(2)}`);
  expect((await wire.read()).result.version).toBe(version);
  await until(() => wire.isClosed, { message: "the end of the daemon" });
  expect(wire.inbox).toEqual([]);
});

it("starts nothing for a client that closed its connection before it was greeted", async ({ home }) => {
  const { version, pid } = JSON.parse((await home.cli("daemon", "start", "--json")).stdout);
  const wire = await home.connect();
  expect((await wire.request("daemon/status")).pid).toBe(pid);
  signalTo(pid, "SIGSTOP");
  wire.send(`${greetingOf(version)}${creation(2)}`);
  const late = await home.connect();
  late.send(`${greetingOf(version)}${creation(2)}`);
  for (const each of [wire, late]) each.close();
  signalTo(pid, "SIGCONT");
  expect((await home.cli("list", "--json")).stdout.trim()).toBe("[]");
});
