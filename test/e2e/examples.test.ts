/** Runs the examples as a user does: in the root of this repository, on its own sources. */
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { agentOptions, progress, step } from "./agent-story.ts";

const root = join(import.meta.dirname, "../..");
const here = { cwd: root };
/** A folder with a few files. Each takes 250 ms in a test that pauses in between. */
const folder = "src/client";
const names = readdirSync(join(root, folder)).sort();

/** Pauses the task after it has printed `count` lines, and returns what it has printed. */
async function pauseAfter(home: Home, id: number, count: number): Promise<string> {
  const printed = async () => read((await home.rpc("logs/path", { id })).logs[0].path);
  const isThere = async () => (await printed()).split("\n").length > count && (await home.task(id));
  expect(await until(isThere, { message: `${count} lines of task ${id}` })).toMatchObject({
    state: "working",
  });
  expect(await home.cli("pause", `${id}`)).toMatchObject({ code: 0 });
  expect(await home.task(id)).toMatchObject({
    state: "suspended",
    pause: { outcome: "cooperative" },
    pid: null,
  });
  return await printed();
}

/** Resumes the task, waits for its end and returns everything that it has printed. */
async function resumeToEnd(home: Home, id: number): Promise<string> {
  expect(await home.cli("resume", `${id}`)).toMatchObject({ code: 0 });
  expect(await home.cli("wait", `${id}`)).toMatchObject({ code: 0 });
  expect(await home.task(id)).toMatchObject({ state: "completed", attempt: 2 });
  return (await home.cli("logs", `${id}`)).stdout;
}

describe("survey.ts", () => {
  it("reports its files and lines in its output, result and artifact", async ({ home }) => {
    const input = JSON.stringify({ path: folder, delayMs: 0 });
    const run = await home.cli("run", "--follow", "examples/survey.ts", "--input", input, here);
    expect(run).toMatchObject({ code: 0, stderr: "task 1\n" });
    const lines = names.flatMap((name) => linesOf(`${folder}/${name}`)).length;
    expect(run.stdout).toContain(`\n${names.length} files, ${lines} lines, `);
    expect((await home.task(1)).result).toMatchObject({ files: names.length, lines, report: "survey.md" });
    const report = await home.cli("artifact", "get", "1", "survey.md");
    expect(report.stdout).toContain(`# Survey of src/client\n\n${names.length} files, ${lines} lines, `);
    expect(report.stdout).toContain(`| start.ts | ${linesOf("src/client/start.ts").length} | `);
  });

  it("surveys the current folder if it gets no input", async ({ home }) => {
    const path = join(here.cwd, "examples/survey.ts");
    const run = await home.cli("run", "--wait", path, { cwd: join(here.cwd, folder) });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect((await home.task(1)).result).toMatchObject({ files: names.length });
  });

  it("reads no file again after a pause", async ({ home }) => {
    const input = JSON.stringify({ path: folder, delayMs: 250 });
    const id = await home.run("examples/survey.ts", "--input", input, here);
    const before = await pauseAfter(home, id, 2);
    const all = await resumeToEnd(home, id);
    expect(all.startsWith(before)).toBe(true);
    const read = all.split("\n").flatMap((line) => /^ *\d+\/\d+ +(\S+)/.exec(line)?.[1] ?? []);
    expect(read).toEqual(names);
  });
});

describe("words.sh", () => {
  const files = names.map((name) => `${folder}/${name}`);

  it("continues from its checkpoint and counts every file once", async ({ home }) => {
    const id = await home.run("-e", "DELAY=0.25", "examples/words.sh", ...files, here);
    const before = await pauseAfter(home, id, 2);
    const counted = before.trimEnd().split("\n").length;
    expect(await home.json("checkpoint", "list", `${id}`)).toMatchObject([
      { label: "start" },
      { label: "pause" },
    ]);
    const all = await resumeToEnd(home, id);
    expect(all).toContain(`going on after ${counted} of ${files.length} files\n`);
    const words = files.map((file) => read(file).split(/\s+/).filter(Boolean).length);
    const total = words.reduce((sum, count) => sum + count, 0);
    expect(all.trimEnd().split("\n").at(-1)).toBe(`${total} words in ${files.length} files`);
  });
});

describe("duplicates.py", () => {
  it("saves when asked on the socket, and continues to the same result", async ({ home }) => {
    const id = await home.run("examples/duplicates.py", folder, "0.25", here);
    const before = await pauseAfter(home, id, 2);
    const done = before.trimEnd().split("\n").length;
    const saved = JSON.parse((await home.cli("checkpoint", "get", `${id}`)).stdout);
    expect(saved).toMatchObject({ next: done });
    const all = await resumeToEnd(home, id);
    expect(all.slice(before.length).split("\n")[0]).toBe(`going on after ${done} of ${names.length} files`);
    const hashed = all.split("\n").flatMap((line) => /^[0-9a-f]{12} src\/client\/(.*)/.exec(line)?.[1] ?? []);
    expect(hashed).toEqual(names);
  });

  it("finds files with the same content", async ({ home }) => {
    for (const [name, text] of Object.entries({ a: "one", b: "two", c: "one" }))
      home.module(text, `tree/${name}`);
    const { code, stdout } = await home.cli("run", "-f", join(root, "examples/duplicates.py"), "tree");
    expect({ code, last: stdout.trimEnd().split("\n").slice(-2) }).toEqual({
      code: 0,
      last: ["the same: tree/a tree/c", "3 files, 1 groups with the same content"],
    });
  });
});

describe("review.ts", () => {
  it("runs a writer, a reviewer and a question to a person in turn, each once", async ({ home }) => {
    const [, , ...options] = agentOptions(home, "claude", [{ say: "Well." }, step(1)]);
    const input = JSON.stringify({ goal: "Do it." });
    const id = await home.run(...options, join(root, "examples/review.ts"), "--input", input);
    const asked = async (rounds: number) => {
      await until(async () => (await home.task(id)).progress?.done === rounds);
      return (await home.reaches(id, "input-required")).question;
    };
    expect(await asked(1)).toMatchObject({
      prompt: expect.stringMatching(/^codex says:\ndone after 1 prompts/),
    });
    await home.killDaemon();
    await home.cli("answer", `${id}`, "Be brief.");
    await asked(2);
    await home.cli("answer", `${id}`, "accept");
    const done = await home.reaches(id, "completed");
    expect(done.result).toMatchObject({ decision: "accept", rounds: 2, review: "done after 1 prompts" });
    // The reviewer may run no tools.
    expect(progress(home)).toEqual(["step-1", "step-1"]);
    const { stdout } = await home.cli("logs", `${id}`);
    expect(stdout).toContain("It was decided: Be brief.");
  });
});

describe("agent.ts", () => {
  it("asks the model once per turn, even if a pause comes in the middle of a turn", async ({ home }) => {
    const model = await startModel();
    // Variables given by name reach a task in a cluster too, unlike the caller's variables.
    const variables = ["--env", `OPENAI_BASE_URL=${model.url}/v1`, "--env", "OPENAI_API_KEY=a key"];
    const input = JSON.stringify({ goal: "Which library parses arguments?", model: "small", root });
    const id = await home.run(...variables, "examples/agent.ts", "--input", input, here);
    await until(() => model.requests.length === 2, { message: "the second question" });
    const pausing = home.cli("pause", `${id}`);
    await until(async () => (await details(home, id)).activity.doing, { message: "the request to pause" });
    model.answer();
    expect(await pausing).toMatchObject({ code: 0 });
    expect((await details(home, id)).steps.map(({ name }) => name)).toEqual([
      "turn 1: model",
      "turn 1: list_files",
      "turn 2: model",
    ]);
    expect(await home.cli("send", `${id}`, "Answer in one word.")).toMatchObject({ code: 0 });
    expect(model.requests).toHaveLength(2);

    const printed = await resumeToEnd(home, id);
    expect((await home.task(id)).result).toBe("commander");
    expect(printed.match(/→ \w+/g)).toEqual(["→ list_files", "→ read_file", "→ write_note"]);
    expect((await home.cli("artifact", "get", `${id}`)).stdout).toBe("It is **commander**.");
    expect(model.requests.map(({ messages }) => messages.map(({ role }) => role[0]).join(""))).toEqual([
      "su",
      "suat",
      "suatatu",
      "suatatuat",
    ]);
    expect(model.requests.at(-1)?.messages[5]?.content).toBe(read("package.json"));
    expect(model.keys).toEqual(new Set(["Bearer a key"]));
  });
});

interface Details {
  steps: { name: string }[];
  activity: { doing: string | null };
}

async function details(home: Home, id: number): Promise<Details> {
  return (await home.rpc("tasks/get", { id, details: true })).task;
}

function read(path: string): string {
  return readFileSync(resolve(root, path), "utf8");
}

function linesOf(path: string): string[] {
  return read(path).trimEnd().split("\n");
}

interface ChatRequest {
  messages: { role: string; content: string }[];
}

/** The responses of the model, turn by turn: three tool calls, then text. */
const turns = [
  call("list_files", { path: "." }),
  call("read_file", { path: "package.json" }),
  call("write_note", { name: "note.md", text: "It is **commander**." }),
  { content: "commander" },
];

function call(name: string, given: Record<string, string>) {
  return { tool: { name, arguments: JSON.stringify(given) } };
}

/**
 * Starts an endpoint that streams responses as OpenAI's does, in many small pieces. The second response waits for
 * `answer`. The number of tool messages in a request tells which turn it is.
 */
async function startModel() {
  const requests: ChatRequest[] = [];
  const keys = new Set<string | undefined>();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const bytes of request) body += bytes;
    const question: ChatRequest = JSON.parse(body);
    requests.push(question);
    keys.add(request.headers.authorization);
    const turn = question.messages.filter(({ role }) => role === "tool").length;
    if (turn === 1) await asked;
    stream(response, turns[turn] ?? { content: "?" });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, keys, answer };
}

type Turn = { content: string } | { tool: { name: string; arguments: string } };

function stream(response: ServerResponse, turn: Turn): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: object, finish_reason: string | null = null) =>
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
  if ("content" in turn) for (const letter of turn.content) send({ content: letter });
  else {
    const { name, arguments: given } = turn.tool;
    send({ tool_calls: [{ index: 0, id: `call ${name}`, function: { name, arguments: "" } }] });
    for (const letter of given) send({ tool_calls: [{ index: 0, function: { arguments: letter } }] });
  }
  send({}, "content" in turn ? "stop" : "tool_calls");
  response.end("data: [DONE]\n\n");
}
