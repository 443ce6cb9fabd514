import { expect } from "vitest";
import { until } from "../harness/index.ts";
import { it, PATIENT, withServer } from "./cluster-story.ts";
import { notes } from "./story.ts";

withServer();

/** A program that says hello on the socket and notes each message that it gets there. */
const greeter = `#!/usr/bin/env node
const { AGENTCTL_SOCKET, AGENTCTL_TOKEN: token } = process.env;
const socket = require("node:net").connect(AGENTCTL_SOCKET);
socket.write(JSON.stringify({ jsonrpc: "2.0", id: "hello", method: "attempt/hello", params: { token } }) + "\\n");
socket.setEncoding("utf8").on("data", (text) => {
  for (const line of text.split("\\n").filter(Boolean)) {
    const message = JSON.parse(line);
    require("node:fs").appendFileSync("notes", (message.method ?? message.id) + "\\n");
  }
});`;

it("notifies an attempt once of a message that another machine took, and of nothing else", async ({
  cluster: { one, two },
}) => {
  const id = await one.run("--on", "one", one.script(greeter));
  await until(() => notes(one).includes("hello"), PATIENT);
  // Every machine checks each change of the store.
  const changes = async () => {
    for (let n = 0; n < 5; n++) await one.cli("run", "--wait", "--on", "one", "true");
  };
  await changes();
  expect(notes(one)).toEqual(["hello"]);
  await two.cli("send", `${id}`, "hurry");
  await until(() => notes(one).length > 1, PATIENT);
  await changes();
  expect(notes(one)).toEqual(["hello", "attempt/message"]);
});
