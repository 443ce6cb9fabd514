/** A peer that sends its requests and closes its side, as `nc` does at the end of its input, still gets its answers. */
import { expect } from "vitest";
import { runCommand } from "../harness/command.ts";
import { it } from "../harness/index.ts";

const lines = (...requests: object[]) =>
  requests.map((request, id) => `${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`).join("");

it("answers also what takes a while", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const input = lines({ method: "tasks/pause", params: { id } }, { method: "tasks/get", params: { id } });
  const { code, stdout } = await runCommand("nc", ["-U", "-N", home.socket], { input });
  const answers = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect({ code, ids: answers.map((answer) => answer.id).sort() }).toEqual({ code: 0, ids: [0, 1] });
  expect(answers.find((answer) => answer.id === 0).result.task.state).toBe("suspended");
});

it("ends a wait with the task as it is", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const input = lines({ method: "tasks/wait", params: { id } });
  const { stdout } = await runCommand("nc", ["-U", "-N", home.socket], { input });
  expect(JSON.parse(stdout).result).toMatchObject({ timedOut: true, task: { state: "working" } });
});
