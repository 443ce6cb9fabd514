import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { running } from "./story.ts";

const reader = 'while read -r line; do echo "got $line"; done; echo end';

it("gives every attempt a file, the piped input or nothing, and reports unused input", async ({ home }) => {
  writeFileSync(home.file("data"), "of a file\n");
  const twice = ["--retries", "1", "--backoff", "0s", "sh", "-c", "cat; exit 3"];
  const file = await home.run("--stdin", "data", ...twice);
  const piped = await home.run("--stdin", "-", ...twice, { input: "piped\nin" });
  await home.reaches(file, "failed");
  await home.reaches(piped, "failed");
  expect((await home.cli("logs", `${file}`)).stdout).toBe("of a file\nof a file\n");
  expect((await home.cli("logs", `${piped}`)).stdout).toBe("piped\ninpiped\nin");
  expect([(await home.task(file)).stdin, (await home.task(piped)).stdin]).toEqual([home.file("data"), "-"]);
  const again = await home.cli("rerun", `${piped}`);
  await home.reaches(Number(again.stdout), "failed");
  expect((await home.cli("logs", again.stdout.trim(), "--last")).stdout).toBe("piped\nin");

  const unused = (line: string) => home.sh(line).then(({ stderr }) => /was not used/.test(stderr));
  expect(await unused("echo hello | agentctl run cat")).toBe(true);
  expect(await unused("agentctl run cat < data")).toBe(true);
  expect((await home.cli("run", "cat", { input: "hello" })).stderr).toMatch(/--stdin -/);
  expect(
    await unused("agentctl run cat < /dev/null; true | agentctl run cat; : >empty; agentctl run cat <empty"),
  ).toBe(false);
  const idle = home.spawn("run", "cat");
  expect((await idle.ended).stderr).toBe("");
  expect(
    (await home.sh("printf 'a\\nb\\n' | while read -r x; do agentctl run echo $x 2>/dev/null; done")).stdout,
  ).toMatch(/^\d+\n\d+\n$/);

  expect(await home.cli("run", "--stdin", "nowhere", "cat")).toMatchObject({ code: 2, stdout: "" });
  expect((await home.cli("run", "--stdin", "pipe", home.module("export default () => 1"))).code).toBe(2);
  const created = await home.rpc("tasks/create", {
    argv: ["cat"],
    cwd: home.work,
    stdin: { copy: home.file("data") },
  });
  expect(created.task.stdin).toBe("-");
  const line = JSON.stringify({ argv: ["cat"], stdin: home.file("data") });
  const batch = Number((await home.cli("batch", { input: line })).stdout);
  for (const id of [created.task.id, batch]) {
    await home.reaches(id, "completed");
    expect((await home.cli("logs", `${id}`)).stdout).toBe("of a file\n");
  }
});

it("writes each sent message once to the program's pipe, until --eof", async ({ home }) => {
  const id = await home.run("--hold", "--stdin", "pipe", "sh", "-c", reader);
  const printed = async () => (await home.cli("logs", `${id}`)).stdout;
  await home.cli("send", `${id}`, "before");
  await home.cli("release", `${id}`);
  await until(async () => (await printed()) === "got before\n");
  await home.cli("send", `${id}`, "--no-newline", "in two ");
  await home.cli("send", `${id}`, "-", { input: "pieces" });
  await until(async () => (await printed()) === "got before\ngot in two pieces\n");
  await home.killDaemon();
  expect(running(home, "stdin-end")).toHaveLength(1);
  const large = "x".repeat(200_000);
  await home.cli("send", `${id}`, "-", { input: large });
  await home.cli("send", `${id}`, "last", "--eof");
  await home.reaches(id, "completed");
  expect(await printed()).toBe(`got before\ngot in two pieces\ngot ${large}\ngot last\nend\n`);
  await until(() => running(home, "stdin-end").length === 0);
});

it("keeps unread input for the next attempt, and ends the stdin of every attempt after --eof", async ({
  home,
}) => {
  const once = "if [ $AGENTCTL_ATTEMPT = 1 ]; then read -r line; echo $line; exit 3; fi; cat; echo end";
  const id = await home.run("--stdin", "pipe", "--retries", "2", "--backoff", "0s", "sh", "-c", once);
  for (const text of ["one", "two"]) await home.cli("send", `${id}`, text);
  await home.cli("send", `${id}`, "--eof");
  await home.reaches(id, "completed");
  const { stdout } = await home.cli("logs", `${id}`);
  expect(stdout).toBe("one\ntwo\nend\n");
  const held = await home.run("--hold", "--stdin", "pipe", "cat");
  for (let twice = 0; twice < 2; twice++) expect((await home.cli("send", `${held}`, "--eof")).code).toBe(0);
  const late = await home.cli("send", `${held}`, "late");
  expect([late.code, late.stderr]).toEqual([4, expect.stringContaining("ended with agentctl send --eof")]);
  await home.cli("release", `${held}`);
  await home.reaches(held, "completed");
});

it("refuses a message that no program would read, and suggests --stdin pipe", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const refused = await home.json("send", `${id}`, "hello");
  expect(refused.error).toMatchObject({
    name: "UnsupportedOperation",
    hint: expect.stringContaining("--stdin pipe"),
  });
  expect((await home.cli("send", `${id}`, "--eof")).code).toBe(4);
  expect((await home.cli("send", `${id}`)).code).toBe(2);
});

it.for([
  ["before-commit", "and is not noted, so the next daemon does both"],
  ["after-commit", "and is noted, so the next daemon writes it"],
])("writes a message to stdin once even if the daemon dies at %s", async ([moment], { home }) => {
  await home.cli("daemon", "start", { env: { AGENTCTL_FAULT: `messages:${moment}` } });
  const id = await home.run("--stdin", "pipe", "sh", "-c", reader);
  await home.reaches(id, "working");
  await home.cli("send", `${id}`, "one");
  await until(async () => (await home.daemonPid()) === null);
  await home.cli("send", `${id}`, "two", "--eof");
  await home.reaches(id, "completed");
  expect((await home.cli("logs", `${id}`)).stdout).toBe("got one\ngot two\nend\n");
});
