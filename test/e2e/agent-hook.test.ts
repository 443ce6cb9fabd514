/** The hook that an agent runs before each tool call: with a host, and with a host that was killed. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { openGate } from "../../src/agents/adapter/gate.ts";
import { it, processes, until } from "../harness/index.ts";

const hook = join(import.meta.dirname, "../../dist/agent-hook.cjs");

it("prints the host's answer, and blocks the tool call without a host until the agent ends", async ({
  home,
}) => {
  const ask = (path: string) => {
    const line = `"${process.execPath}" "${hook}" "${path}"; echo "ended with $?"`;
    const agent = spawn("sh", ["-c", line], { env: home.env, stdio: ["pipe", "pipe", "inherit"] });
    agent.stdin.end('{"tool_name":"Bash"}');
    let said = "";
    agent.stdout.on("data", (chunk) => {
      said += chunk;
    });
    return { agent, said: () => said, ended: new Promise((resolve) => agent.once("close", resolve)) };
  };
  let answer = "";
  const gate = await openGate(home.work, async () => answer);
  const nothing = ask(gate.path);
  await nothing.ended;
  expect(nothing.said()).toBe("ended with 0\n");
  answer = '{"continue":false}';
  const something = ask(gate.path);
  await something.ended;
  expect(something.said()).toBe('{"continue":false}ended with 0\n');

  const path = home.file("dying.sock");
  const dying = createServer();
  await new Promise<void>((resolve) => dying.listen(path, resolve));
  const left = new Promise((resolve) => {
    dying.once("connection", (socket) => socket.once("close", resolve).destroy());
  });
  const held = ask(path);
  await left;
  dying.close();
  // A hook that exits on its own would have done so by the time another hook has started and ended.
  await ask(gate.path).ended;
  gate.close();
  const hooks = () => processes(home.root).filter(({ command }) => command.includes(path));
  expect(hooks().length).toBeGreaterThan(0);
  expect(held.said()).toBe("");
  held.agent.kill("SIGKILL");
  await until(() => hooks().length === 0);
  expect(held.said()).toBe("");
});
