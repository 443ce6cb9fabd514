import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { eventsAt, Web } from "../harness/web.ts";

/** A module that logs its input, then does what its text asks for. */
const MODULE = `import { existsSync } from "node:fs";
import { defineTask } from "agentctl";
export default defineTask<{ message: unknown; text: string; contextId: string }, unknown>(async (task, { text, contextId }) => {
  task.log(\`\${contextId} says \${text}\`);
  if (text === "ask") return \`answered \${await task.ask("Which?", { choices: ["a", "b"] })}\`;
  if (text === "limit") await task.suspend({ cause: "limit", reason: "quota" });
  if (text === "loop") {
    for (let n = 1; n <= 200; n++) {
      await task.step("turn", async () => { await new Promise((done) => setTimeout(done, 20)); return n; });
      task.progress(n, 200, \`turn \${n}\`);
      if (existsSync("go")) break;
    }
    await task.artifact("found.json", '{"a":1}');
    await task.artifact("page.html", "<b>");
    return { turns: "done" };
  }
  return \`done: \${text}\`;
});`;

class Client {
  readonly web: Web;
  readonly version: "1.0" | "0.3";

  constructor(web: Web, version: "1.0" | "0.3") {
    this.web = web;
    this.version = version;
  }

  headers(): Record<string, string> {
    const named: Record<string, string> = this.version === "1.0" ? { "a2a-version": "1.0" } : {};
    return { "content-type": "application/json", ...named };
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read what the server answers
  async call(method: string, params: unknown): Promise<any> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    return (await this.web.json("/a2a", { method: "POST", headers: this.headers(), body })).body;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async result(method: string, params: unknown): Promise<any> {
    const { result, error } = await this.call(method, params);
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async rest(method: string, path: string, body?: object): Promise<{ status: number; body: any }> {
    const given = body ? { body: JSON.stringify(body) } : {};
    return await this.web.json(`/a2a${path}`, { method, headers: this.headers(), ...given });
  }
}

function message(text: string, rest: object = {}): object {
  return { role: "ROLE_USER", messageId: randomUUID(), parts: [{ text }], ...rest };
}

/** Sends a POST without a body and without headers that describe one, as `curl -X POST` does. Returns the response. */
async function postNothing({ base, token }: Web, path: string): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  const headers = [`host: ${hostname}:${port}`, `authorization: Bearer ${token}`, "a2a-version: 1.0"];
  socket.write([`POST ${path} HTTP/1.1`, ...headers, "connection: close", "", ""].join("\r\n"));
  let answer = "";
  for await (const chunk of socket.setEncoding("utf8")) answer += chunk;
  return answer;
}

async function opened(home: Home, version: "1.0" | "0.3" = "1.0"): Promise<Client> {
  const run = { module: home.module(MODULE), cwd: home.work };
  await home.cli("config", "set", "a2a", JSON.stringify({ name: "tester", run }));
  return new Client(await Web.open(home), version);
}

describe("the agent card", () => {
  it("is public, exists in both versions and declares the pause extension", async ({ home }) => {
    const { web } = await opened(home);
    const card = async (headers: Record<string, string>) =>
      (await web.json("/.well-known/agent-card.json", { token: null, headers })).body;
    const now = await card({ "a2a-version": "1.0" });
    expect(now).toMatchObject({ name: "tester", capabilities: { streaming: true, pushNotifications: true } });
    expect(now.securitySchemes).toEqual({
      bearer: { httpAuthSecurityScheme: { description: expect.any(String), scheme: "bearer" } },
    });
    const [{ uri }] = now.capabilities.extensions;
    expect(uri).toContain("docs/a2a-pause.md");
    expect(await card({})).toMatchObject({
      protocolVersion: "0.3",
      url: `${web.base}/a2a`,
      preferredTransport: "JSONRPC",
    });
    expect((await web.json("/a2a", { method: "POST", token: null, body: "{}" })).status).toBe(401);
  });
});

describe("a message", () => {
  it("starts a task, answers its question and is refused after the end", async ({ home }) => {
    const client = await opened(home);
    const { task } = await client.result("SendMessage", { message: message("ask", { contextId: "talk" }) });
    expect(task).toMatchObject({ contextId: "talk", status: { state: "TASK_STATE_INPUT_REQUIRED" } });
    expect(task.status.message.parts[0].text).toBe("Which?");
    expect(task.artifacts[0].parts[0].text).toContain("talk says ask");
    const answer = message("b", { taskId: task.id });
    const ended = (await client.result("SendMessage", { message: answer })).task;
    expect(ended).toMatchObject({ id: task.id, status: { state: "TASK_STATE_COMPLETED" } });
    expect(ended.history.map(({ parts }: { parts: { text: string }[] }) => parts[0]?.text)).toEqual([
      "ask",
      "b",
    ]);
    expect(ended.artifacts.at(-1)).toMatchObject({ artifactId: "result", parts: [{ text: "answered b" }] });
    expect((await client.call("SendMessage", { message: answer })).error.code).toBe(-32004);
    expect((await client.call("GetTask", { id: randomUUID() })).error.code).toBe(-32001);
    expect((await client.call("CancelTask", { id: task.id })).error.code).toBe(-32002);
    expect((await home.rpc("tasks/list", { labels: { context: "talk" } })).tasks).toHaveLength(1);
    const listed = await client.rest("GET", "/tasks?contextId=talk&pageSize=1");
    expect(listed.body).toMatchObject({ totalSize: 1, tasks: [{ id: task.id }] });
    const parse = await client.web.json("/a2a", { method: "POST", headers: client.headers(), body: "{" });
    expect(parse.body.error.code).toBe(-32700);
    // JSON-RPC allows a request without `params`.
    const without = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "NoSuch" });
    const unknown = await client.web.json("/a2a", {
      method: "POST",
      headers: client.headers(),
      body: without,
    });
    expect(unknown.body.error.code).toBe(-32601);
  });

  it("passes its text parts to the task, or its data if it has no text", async ({ home }) => {
    const client = await opened(home);
    const data = { data: { q: 1 } };
    const said = async (parts: object[]) =>
      (await client.result("SendMessage", { message: message("", { parts }) })).task.artifacts.at(-1).parts[0]
        .text;
    expect(await said([{ text: "one" }, data, { text: "two" }])).toBe("done: one\ntwo");
    expect(await said([data])).toBe('done: {"q":1}');
  });

  it("is read in the 0.3 format if the request names no version", async ({ home }) => {
    const client = await opened(home, "0.3");
    const said = { kind: "message", role: "user", messageId: "m", parts: [{ kind: "text", text: "hello" }] };
    const task = await client.result("message/send", { message: said });
    expect(task).toMatchObject({ kind: "task", status: { state: "completed" } });
    expect(await client.result("tasks/get", { id: task.id })).toMatchObject({ id: task.id });
    expect((await client.call("tasks/pause", { id: task.id })).error).toMatchObject({
      code: -32004,
      data: [{ reason: "TASK_NOT_PAUSABLE" }],
    });
  });
});

describe("tasks/pause and tasks/resume", () => {
  it("pause and continue a working task and report both to a subscriber, across a daemon restart", async ({
    home,
  }) => {
    const client = await opened(home);
    const begun = { message: message("loop"), configuration: { returnImmediately: true } };
    const { task } = await client.result("SendMessage", begun);
    await until(async () => (await home.task(task.id)).progress?.done > 2, { message: "progress" });
    const headers = { ...client.headers() };
    const stream = await eventsAt(client.web, `/a2a/tasks/${task.id}:subscribe`, headers);
    const paused = await client.result("tasks/pause", { taskId: task.id, reason: "lunch", mode: null });
    expect(paused).toMatchObject({ id: task.id, status: { state: "TASK_STATE_INPUT_REQUIRED" } });
    const [pause] = Object.values(paused.metadata).filter((each) => (each as { cause?: string }).cause);
    expect(pause).toMatchObject({
      state: "suspended",
      cause: "user",
      reason: "lunch",
      until: null,
      checkpoint: { seq: 1 },
    });
    expect(await home.task(task.id)).toMatchObject({
      state: "suspended",
      pid: null,
      pause: { actor: "a2a" },
    });
    const updates = () =>
      stream.events.flatMap(({ data }) => (data.statusUpdate ? [data.statusUpdate.status.state] : []));
    await until(() => updates().includes("TASK_STATE_INPUT_REQUIRED"), {
      message: "the pause in the stream",
    });
    expect(stream.events[0]?.data.task.id).toBe(task.id);
    await home.cli("daemon", "restart");
    const again = await eventsAt(client.web, `/a2a/tasks/${task.id}:subscribe`, headers);
    const steps = (await home.json("show", task.id)).steps.length;
    const resumed = await postNothing(client.web, `/a2a/tasks/${task.id}:resume`);
    expect(resumed).toMatch(/^HTTP\/1.1 200 .*"TASK_STATE_WORKING"/s);
    writeFileSync(home.file("go"), "");
    const ended = await home.reaches(task.id, "completed");
    expect(ended).toMatchObject({ attempt: 2, result: { turns: "done" } });
    expect((await home.json("show", task.id)).steps.length).toBeGreaterThan(steps - 1);
    await until(
      () => again.events.some(({ data }) => data.statusUpdate?.status.state === "TASK_STATE_COMPLETED"),
      { message: "the end" },
    );
    const given = again.events.flatMap(({ data }) =>
      data.artifactUpdate ? [data.artifactUpdate.artifact] : [],
    );
    expect(given.map(({ name }) => name)).toEqual(expect.arrayContaining(["found.json", "result"]));
    expect(given.find(({ name }) => name === "page.html").parts).toMatchObject([{ text: "<b>" }]);
    stream.end();
    again.end();
  });
});

it("answers pause, resume and unknown tasks in the 0.3 REST format and keeps stderr clean", async ({
  home,
}) => {
  const client = await opened(home, "0.3");
  const content = [{ text: "loop" }];
  const given = {
    message: { messageId: "m1", role: "ROLE_USER", content },
    configuration: { blocking: false },
  };
  const { task } = (await client.rest("POST", "/v1/message:send", given)).body;
  await home.reaches(task.id, "working");
  const paused = await client.rest("POST", `/v1/tasks/${task.id}:pause`, {});
  expect((await home.task(task.id)).state).toBe("suspended");
  expect(paused).toEqual({ ...(await client.rest("GET", `/v1/tasks/${task.id}`)), status: 200 });
  expect(paused.body.status.message.content).toEqual([{ text: "paused" }]);
  expect((await client.rest("POST", `/v1/tasks/${task.id}:resume`)).body.history[0].content).toEqual(content);
  expect(await client.rest("POST", "/v1/tasks/none:pause", {})).toMatchObject({
    status: 404,
    body: { code: -32001, message: expect.any(String) },
  });
  expect((await client.rest("GET", "/v1/tasks")).status).toBe(404);
  home.allowedInLog.push(/a library printed this/);
  const wrong = { jsonrpc: "2.0", id: 1, method: "SendMessage", params: {} };
  const headers = { "content-type": "application/json", "a2a-version": "99.0" };
  await client.web.json("/a2a", { method: "POST", headers, body: JSON.stringify(wrong) });
  expect(readFileSync(`${home.dir}/daemon.log.stderr`, "utf8")).toBe("");
});

it("sends push notifications with the client's token, also after a daemon restart", async ({ home }) => {
  const client = await opened(home);
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const heard: { token: unknown; authorization: unknown; body: any }[] = [];
  const receiver = createServer(async (request, response) => {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const { authorization, "x-a2a-notification-token": token } = request.headers;
    heard.push({ token, authorization, body });
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", () => resolve()));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const given = { url, token: "mine", authentication: { scheme: "Bearer", credentials: "secret" } };
  const configuration = { taskPushNotificationConfig: given };
  const { task } = await client.result("SendMessage", { message: message("ask"), configuration });
  const states = () => heard.map(({ body }) => body.statusUpdate?.status.state);
  const begun = ["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED"];
  await until(() => states().length >= 3, { message: "the question at the receiver" });
  expect(states()).toEqual(begun);
  expect(heard[2]).toMatchObject({
    token: "mine",
    authorization: "Bearer secret",
    body: { statusUpdate: { taskId: task.id, status: { message: { parts: [{ text: "Which?" }] } } } },
  });
  const { configs } = await client.result("ListTaskPushNotificationConfigs", { taskId: task.id });
  expect(configs).toMatchObject([{ url, taskId: task.id }]);
  expect(await home.json("hook", "list")).toEqual([]);
  await home.cli("daemon", "restart");
  await client.result("CancelTask", { id: task.id });
  await until(() => states().at(-1) === "TASK_STATE_CANCELED", { message: "the end at the receiver" });
  await client.result("DeleteTaskPushNotificationConfig", { taskId: task.id, id: configs[0].id });
  expect(
    (await client.call("GetTaskPushNotificationConfig", { taskId: task.id, id: configs[0].id })).error.code,
  ).toBe(-32001);
  // A limit without a time needs a person, so the waiting client gets its response.
  const limited = await client.result("SendMessage", { message: message("limit"), configuration });
  expect(limited.task.status.state).toBe("TASK_STATE_INPUT_REQUIRED");
  await until(() => states().at(-1) === "TASK_STATE_INPUT_REQUIRED", {
    message: "the pause at the receiver",
  });
  const { status, metadata } = heard.at(-1)?.body.statusUpdate ?? {};
  expect(status.message.parts).toEqual([{ text: "paused: quota" }]);
  const told = { state: "suspended", cause: "limit", reason: "quota", until: null, checkpoint: { seq: 1 } };
  expect(Object.values(metadata)).toMatchObject([told]);
  receiver.close();
});
