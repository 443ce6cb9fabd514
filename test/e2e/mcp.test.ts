import { rmSync } from "node:fs";
import { join } from "node:path";
import { Client as NewClient, StreamableHTTPClientTransport as NewHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as NewStdio } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, until } from "../harness/index.ts";
import { Web } from "../harness/web.ts";

const info = { name: "test", version: "1" };
const ALL = [
  "task_run task_list task_get task_logs task_wait task_pause task_resume task_cancel",
  "task_send task_answer task_artifacts queue_list",
].flatMap((line) => line.split(" "));

/** The methods used here, which the clients of both protocol eras have. */
interface Speaker {
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the server answers
  listTools(): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readResource(params: { uri: string }): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  listResources(): Promise<any>;
  close(): Promise<void>;
}

const program = (home: Home, ...args: string[]) => ({
  command: process.execPath,
  args: [launcher, "mcp", ...args],
  env: home.env,
  cwd: home.work,
});

async function overStdio(home: Home, era: "old" | "new", ...args: string[]): Promise<Speaker> {
  if (era === "old") {
    const client = new OldClient(info);
    await client.connect(new OldStdio(program(home, ...args)));
    return client;
  }
  const client = new NewClient(info, { versionNegotiation: { mode: "auto" } });
  await client.connect(new NewStdio(program(home, ...args)));
  return client;
}

async function overHttp(web: Web, era: "old" | "new"): Promise<Speaker> {
  const url = new URL(`${web.base}/mcp`);
  const requestInit = { headers: { authorization: `Bearer ${web.token}` } };
  if (era === "old") {
    const client = new OldClient(info);
    await client.connect(new OldHttp(url, { requestInit }) as never);
    return client;
  }
  const client = new NewClient(info, { versionNegotiation: { mode: "auto" } });
  await client.connect(new NewHttp(url, { requestInit }));
  return client;
}

/** Calls a tool and returns its result as data. */
async function use(client: Speaker, name: string, args: Record<string, unknown> = {}) {
  const { structuredContent, isError, content } = await client.callTool({ name, arguments: args });
  return { ...structuredContent, isError: isError ?? false, said: content[0].text };
}

describe.each(["old", "new"] as const)("a client of the %s era", (era) => {
  it("runs, pauses, resumes and cancels a task over stdio and over HTTP", async ({ home }) => {
    const web = await Web.open(home);
    for (const client of [await overStdio(home, era), await overHttp(web, era)]) {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }: { name: string }) => name)).toEqual(ALL);
      const { task } = await use(client, "task_run", {
        argv: ["sh", "-c", "echo hello; sleep 60"],
        cwd: home.work,
      });
      const log = async () => (await use(client, "task_logs", { id: task.id, lines: 5 })).said;
      await until(async () => (await log()) === "hello\n", { message: "its output" });
      const paused = await use(client, "task_pause", { id: task.id, reason: "lunch" });
      expect(paused.task).toMatchObject({ state: "suspended", pause: { actor: "mcp", reason: "lunch" } });
      expect((await use(client, "task_resume", { id: task.id })).task.state).toMatch(/resumed|working/);
      expect(await log()).toBe("hello\n");
      expect((await use(client, "task_wait", { id: task.id, timeoutMs: 10 })).timedOut).toBe(true);
      expect((await use(client, "task_cancel", { id: task.id })).task.state).toBe("canceled");
      const again = await use(client, "task_pause", { id: task.id });
      expect(again).toMatchObject({ isError: true, error: { name: "TaskNotPausable", code: -32016 } });
      expect(again.said).toContain("only a running task can be paused");
      const { contents } = await client.readResource({ uri: `agentctl://tasks/${task.id}` });
      expect(JSON.parse(contents[0].text)).toMatchObject({ id: task.id, state: "canceled" });
      const output = await client.readResource({ uri: `agentctl://tasks/${task.id}/log` });
      expect(output.contents[0].text).toBe("hello\n");
      expect((await client.listResources()).resources.length).toBeGreaterThan(0);
      await client.close();
    }
  });
});

it("takes one message per HTTP request, keeps no session and forbids caching", async ({ home }) => {
  const web = await Web.open(home);
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const list = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  const answer = await web.fetch("/mcp", { method: "POST", headers, body: JSON.stringify(list) });
  expect([answer.status, answer.headers.get("cache-control"), answer.headers.get("mcp-session-id")]).toEqual([
    200,
    "no-store",
    null,
  ]);
  expect(await answer.text()).toContain("task_run");
  const batch = await web.json("/mcp", { method: "POST", headers, body: JSON.stringify([list, list]) });
  expect(batch).toMatchObject({ status: 400, body: { error: { code: -32600 } } });
  for (const method of ["GET", "DELETE", "PUT"]) {
    const refused = await web.fetch("/mcp", { method, headers });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
  }
});

describe("the tools for an agent", () => {
  it("have a schema, a description and hints, and refuse what the schema does not allow", async ({
    home,
  }) => {
    await home.cli("daemon", "start");
    const client = await overStdio(home, "new");
    const { tools } = await client.listTools();
    for (const { description, inputSchema, annotations } of tools) {
      expect(description.length).toBeGreaterThan(30);
      expect(inputSchema).toMatchObject({ type: "object", properties: expect.any(Object) });
      expect(annotations).toMatchObject({
        readOnlyHint: expect.any(Boolean),
        destructiveHint: expect.any(Boolean),
      });
    }
    await expect(
      use(client, "task_get", {}).then(({ isError }) => isError || Promise.reject(new Error("taken"))),
    ).resolves.toBe(true);
    const module = home.module(`import { defineTask } from "agentctl";
      export default defineTask(async (task) => {
        await task.artifact("a.txt", "kept");
        return await task.ask("Publish?", { choices: ["yes", "no"] }); });`);
    const { task } = await use(client, "task_run", { module, name: "asker" });
    const waited = await use(client, "task_wait", { id: "asker" });
    expect(waited.task).toMatchObject({
      state: "input-required",
      question: { prompt: "Publish?", choices: ["yes", "no"] },
    });
    await use(client, "task_answer", { id: task.id, text: "yes" });
    expect((await use(client, "task_wait", { id: task.id })).task).toMatchObject({
      state: "completed",
      result: "yes",
    });
    expect((await use(client, "task_artifacts", { id: task.id })).artifacts[0]).toMatchObject({
      name: "a.txt",
      size: 4,
    });
    const { contents } = await client.readResource({ uri: `agentctl://tasks/${task.id}/artifacts/a.txt` });
    expect(contents[0].text).toBe("kept");
    rmSync(join(home.dir, "logs", `${task.id}`), { recursive: true });
    expect(await client.callTool({ name: "task_logs", arguments: { id: task.id } })).toMatchObject({
      isError: true,
      structuredContent: { error: { name: "LogNotFound" } },
    });
    await client.close();
  });

  it("are limited by --read-only and --queue", async ({ home }) => {
    await home.cli("queue", "set", "mine", "--slots", "2");
    const other = await home.run("--key", "night", "--name", "theirs", "sleep", "60");
    const reader = await overStdio(home, "old", "--read-only");
    const { tools } = await reader.listTools();
    expect(
      tools.every(({ annotations }: { annotations: { readOnlyHint: boolean } }) => annotations.readOnlyHint),
    ).toBe(true);
    expect(tools.length).toBe(6);
    await reader.close();
    const bound = await overStdio(home, "old", "--queue", "mine");
    const { task } = await use(bound, "task_run", { argv: ["sleep", "60"], queue: "default" });
    expect(task.queue).toBe("mine");
    expect((await use(bound, "task_list")).tasks.map(({ id }: { id: number }) => id)).toEqual([task.id]);
    for (const id of [other, "theirs", 99])
      expect(await use(bound, "task_cancel", { id })).toMatchObject({
        isError: true,
        said: `no task "${id}"\nagentctl list --all`,
        error: { name: "TaskNotFound", data: { id } },
      });
    // A key would reveal a task of another queue.
    expect(await use(bound, "task_run", { argv: ["true"], key: "night" })).toMatchObject({
      isError: true,
      error: { name: "InvalidParams", data: { field: "key" } },
    });
    expect((await use(bound, "queue_list")).queues.map(({ name }: { name: string }) => name)).toEqual([
      "mine",
    ]);
    await bound.close();
  });
});
