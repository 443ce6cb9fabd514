import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { it, needsOwnStore, until } from "../harness/index.ts";
import { eventsAt, Web } from "../harness/web.ts";

describe("the HTTP server", () => {
  it("runs only while http.listen names an address, and makes its token file then", async ({ home }) => {
    needsOwnStore(home, "doctor is refused in a cluster");
    await home.cli("daemon", "start");
    expect((await home.json("daemon", "status")).http).toBe(null);
    expect(existsSync(join(home.dir, "http.token"))).toBe(false);
    const web = await Web.open(home);
    expect(await web.json("/healthz", { token: null })).toMatchObject({
      status: 200,
      body: { ok: true, version: expect.any(String) },
    });
    expect(statSync(join(home.dir, "http.token")).mode & 0o777).toBe(0o600);
    expect((await home.json("daemon", "status")).http).toMatchObject({ url: `${web.base}/`, error: null });
    expect((await home.json("doctor")).problems).toEqual([]);
    await home.cli("config", "set", "http.listen", "off");
    await expect(fetch(`${web.base}/healthz`)).rejects.toThrow();
  });

  it("starts the daemon, and refuses an address that is taken or reachable by others", async ({ home }) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", () => resolve()));
    const { port } = taken.address() as { port: number };
    const refused = await home.cli("config", "set", "http.listen", `127.0.0.1:${port}`);
    taken.close();
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining("another program has the address"),
    ]);
    expect((await home.json("config", "get", "http.listen")).value).toBe("off");
    const open = await home.cli("config", "set", "http.listen", "0.0.0.0:0");
    expect([open.code, open.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^agentctl: http\.listen: other machines .* http\.remote .*\n {2}nothing was changed\n$/,
      ),
    ]);
    await home.cli("config", "set", "http.remote", "true");
    expect((await home.cli("config", "set", "http.listen", "0.0.0.0:0")).code).toBe(0);
    expect((await home.cli("config", "set", "http.remote", "false")).code).toBe(2);
  });

  it("admits requests with the token, and no others", async ({ home }) => {
    const web = await Web.open(home);
    const status = async (path: string, headers: Record<string, string>) =>
      (await web.json(path, { token: null, headers })).status;
    const good = { authorization: `Bearer ${web.token}` };
    const all = await Promise.all([
      status("/rpc", {}),
      status("/rpc", { authorization: "Bearer wrong" }),
      status(`/tasks/1/log?token=${web.token}&access_token=${web.token}`, {}),
      status("/events", { cookie: "agentctl=1" }),
      status("/nothing", {}),
      status("/nothing", good),
      status("/rpc", { ...good, origin: "http://127.0.0.1:1" }),
      status("/rpc", { ...good, origin: "null" }),
      status("/events", { ...good, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }),
      status("/rpc", good),
    ]);
    expect(all).toEqual([401, 401, 401, 401, 401, 404, 403, 403, 403, 405]);
    expect(await web.raw("POST /rpc HTTP/1.1\r\nHost: evil.example\r\n\r\n")).toMatch(/^HTTP\/1.1 403 /);
    const { body } = await web.json("/rpc", { token: null });
    expect(body).toMatchObject({
      error: { name: "Unauthorized", code: -32050, message: expect.any(String), hint: expect.any(String) },
    });
  });

  it("gives a browser a cookie for a code that works once", async ({ home }) => {
    const { stdout } = await home.cli("ui", "--print");
    const url = stdout.trim();
    const first = await fetch(url, { redirect: "manual" });
    expect([first.status, first.headers.get("location")]).toEqual([303, "/"]);
    const cookie = first.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\//);
    expect((await fetch(url, { redirect: "manual" })).status).toBe(401);
    const call = { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"daemon/status"}' };
    const { origin } = new URL(url);
    const headers = { cookie: cookie.split(";")[0] ?? "", origin };
    expect((await fetch(new URL("/rpc", url), { ...call, headers })).status).toBe(200);
    expect(url).not.toContain(readFileSync(join(home.dir, "http.token"), "utf8"));
  });
});

describe("POST /rpc", () => {
  it("answers the methods for people with the same results and errors as the socket", async ({ home }) => {
    const web = await Web.open(home);
    const { task } = await web.rpc("tasks/create", { argv: ["sleep", "60"], name: "sleeper" });
    await home.reaches(task.id, "working");
    const paused = await web.rpc("tasks/pause", { id: "sleeper", mode: "freeze" });
    expect(paused.task).toMatchObject({ state: "suspended", pause: { actor: "user", outcome: "frozen" } });
    const error = async (method: string, params: unknown) =>
      (await web.call({ jsonrpc: "2.0", id: 7, method, params })).error;
    expect(await error("tasks/get", { id: 99 })).toEqual({
      code: -32001,
      message: 'no task "99"',
      data: { id: 99, state: null, name: "TaskNotFound", hint: "agentctl list --all" },
    });
    expect(await error("tasks/get", {})).toMatchObject({ code: -32602, data: { field: "id" } });
    expect(await error("attempt/hello", { token: "x" })).toMatchObject({ code: -32601 });
    expect(await error("tasks/subscribe", {})).toMatchObject({
      code: -32004,
      message: expect.stringContaining("/events"),
    });
    expect(await error("daemon/stop", {})).toMatchObject({ code: -32004 });
    expect((await web.call([])).error).toMatchObject({ code: -32600 });
    expect((await web.call("{")).error).toMatchObject({ code: -32700 });
    const { methods } = await web.rpc("rpc.discover", {});
    expect(methods.map(({ name }: { name: string }) => name)).toContain("tasks/pause");
  });

  it("serves others beside 10,000 idle connections, and logs no secret", async ({ home }) => {
    const web = await Web.open(home);
    const port = Number(new URL(web.base).port);
    const open = new Set<Socket>();
    const idle = () =>
      new Promise<void>((resolve) => {
        const socket = createConnection({ host: "127.0.0.1", port }, resolve);
        open.add(socket);
        socket.on("error", () => resolve()).once("close", () => open.delete(socket));
      });
    for (let n = 0; n < 10_000; n += 250) await Promise.all(Array.from({ length: 250 }, idle));
    expect((await web.json("/healthz", { token: null })).status).toBe(200);
    await until(() => open.size <= 512);
    for (const socket of open) socket.destroy();
    const { stdout } = await home.cli("ui", "--print");
    const code = new URL(stdout.trim()).pathname.split("/").at(-1) as string;
    await web.fetch(`/login/${code}`, { token: null });
    await web.fetch("/rpc", { token: "a-wrong-token", method: "POST", body: "{" });
    await web.fetch(`/tasks/1/log?token=${web.token}`, { token: null });
    const log = readFileSync(join(home.dir, "daemon.log"), "utf8");
    expect([web.token, code, "a-wrong-token"].filter((secret) => log.includes(secret))).toEqual([]);
  });

  it("waits for slow readers and does not buffer a log for them in memory", async ({ home, skip }) => {
    skip(process.platform !== "linux", "reads /proc");
    const web = await Web.open(home);
    const id = await home.run("--wait", "head", "-c", "150000000", "/dev/zero");
    const { pid } = await home.json("daemon", "status");
    const mb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
    const before = mb();
    const port = Number(new URL(web.base).port);
    const readers = Array.from({ length: 8 }, (_, n) => {
      const socket = createConnection({ host: "127.0.0.1", port });
      const path = n % 2 === 0 ? `/tasks/${id}/log` : "/events?after=0";
      socket.on("error", () => undefined).pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${web.token}\r\n\r\n`);
      return socket;
    });
    const tasks = Array.from({ length: 300 }, () => ({ argv: ["true"], held: true }));
    await home.rpc("tasks/batch", { tasks });
    expect((await web.json("/healthz", { token: null })).status).toBe(200);
    // 500 MB wait to be read.
    expect(mb() - before).toBeLessThan(200);
    for (const socket of readers) socket.destroy();
  });

  it("bounds the memory of unread responses, and serves small ones meanwhile", async ({ home }) => {
    const web = await Web.open(home);
    const module = home.module(`import { defineTask } from "agentctl";
      export default defineTask(async () => "y".repeat(8_000_000));`);
    const id = await home.run("--wait", module);
    const call = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tasks/get", params: { id } });
    const head = `Host: localhost\r\nAuthorization: Bearer ${web.token}\r\nContent-Length: ${call.length}`;
    const readers = await Promise.all(
      Array.from({ length: 20 }, () => web.hold(`POST /rpc HTTP/1.1\r\n${head}\r\n\r\n${call}`)),
    );
    for (const reader of readers) reader.pause();
    const ask = async () => await web.json("/rpc", { method: "POST", body: call });
    const refusal = { deadlineMs: 60_000, message: "a refusal" };
    await until(async () => (await ask()).status === 503, refusal);
    expect((await ask()).body.error.message).toContain("slow readers");
    expect((await web.rpc("tasks/list", { state: ["working"] })).tasks).toEqual([]);
    for (const reader of readers) reader.destroy();
    await until(async () => (await ask()).status === 200, { deadlineMs: 60_000, message: "room again" });
  });

  it("refuses a body over 16 MiB, and serves others while a body never ends", async ({ home }) => {
    const web = await Web.open(home);
    const large = await web.json("/rpc", { method: "POST", body: Buffer.alloc(17 * 1024 * 1024, 32) });
    expect([large.status, large.body.error.name]).toEqual([413, "TooLarge"]);
    const slow = await web.hold(
      `POST /rpc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${web.token}\r\nContent-Length: 9\r\n\r\n`,
    );
    expect((await web.rpc("daemon/status", {})).pid).toBeGreaterThan(0);
    slow.destroy();
  });
});

it("reports tasks, slots, attempts and pauses to Prometheus", async ({ home }) => {
  const web = await Web.open(home);
  const { task } = await web.rpc("tasks/create", { argv: ["sleep", "60"] });
  await home.reaches(task.id, "working");
  await web.rpc("tasks/pause", { id: task.id, mode: "freeze" });
  await web.rpc("tasks/resume", { id: task.id });
  await home.reaches(task.id, "working");
  const read = async () => {
    const answer = await web.fetch("/metrics");
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    return parsed(await answer.text());
  };
  await until(
    async () => (await read()).get('agentctl_pause_duration_seconds_count{outcome="frozen"}') === 1,
  );
  const found = await read();
  const values = (...names: string[]) => names.map((name) => found.get(name));
  expect(
    values('agentctl_tasks{state="working"}', 'agentctl_queue_tasks{queue="default",state="working"}'),
  ).toEqual([1, 1]);
  expect(values('agentctl_attempts_total{cause="start"}', 'agentctl_pauses_total{outcome="frozen"}')).toEqual(
    [1, 1],
  );
  expect(found.get('agentctl_queue_slots_used{queue="default"}')).toBe(1);
  expect(found.get("agentctl_store_commits_total")).toBeGreaterThan(3);
});

/** Parses Prometheus' text format. Throws for a line that is not a sample, and for a sample before its type. */
function parsed(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  let name = "";
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\w+) (?:counter|gauge|summary)$/.exec(line)?.[1];
    if (type !== undefined) name = type;
    if (line.startsWith("#")) continue;
    const [, series = "", value = ""] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    if (!series.startsWith(name) || series === "") throw new Error(`no sample: ${line}`);
    samples.set(series, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
  }
  return samples;
}

describe("GET /events", () => {
  it("continues after a number or Last-Event-ID without a gap, even across a daemon restart", async ({
    home,
  }) => {
    const web = await Web.open(home);
    const live = await eventsAt(web, "/events");
    await web.rpc("tasks/create", { argv: ["true"] });
    await until(() => live.events.length >= 3, { message: "three events" });
    expect(live.events.map(({ id, data }) => [id, data.seq, data.to])).toEqual([
      [1, 1, "submitted"],
      [2, 2, "working"],
      [3, 3, "completed"],
    ]);
    live.end();
    await home.cli("daemon", "restart");
    const replay = await eventsAt(web, "/events?after=0");
    const rest = await eventsAt(web, "/events?after=0", { "last-event-id": "2" });
    await until(() => replay.events.length === 3 && rest.events.length === 1, { message: "what was missed" });
    expect(rest.events[0]?.id).toBe(3);
    replay.end();
    rest.end();
    expect(await web.json("/events?after=x")).toMatchObject({
      status: 400,
      body: { error: { message: "after: must be the number of an event" } },
    });
  });
});

describe("task logs and artifacts over HTTP", () => {
  it("are served whole and by range", async ({ home }) => {
    const web = await Web.open(home);
    const id = await home.run("sh", "-c", "printf 0123456789; printf end >&2; exit 3");
    const text = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await web.fetch(path, { headers });
      return [answer.status, answer.headers.get("content-range"), await answer.text()];
    };
    await home.reaches(id, "failed");
    const log = readFileSync(join(home.dir, "logs", `${id}`, "1.log"));
    const size = log.length;
    expect(await text(`/tasks/${id}/log`)).toEqual([200, null, log.toString()]);
    expect(await text(`/tasks/${id}/log`, { range: "bytes=2-4" })).toEqual([206, `bytes 2-4/${size}`, "234"]);
    expect(await text(`/tasks/${id}/log`, { range: "bytes=-3" })).toEqual([
      206,
      `bytes ${size - 3}-${size - 1}/${size}`,
      log.subarray(-3).toString(),
    ]);
    expect(await text(`/tasks/${id}/log`, { range: `bytes=${size}-` })).toEqual([416, `bytes */${size}`, ""]);
    expect((await text("/tasks/99/log"))[0]).toBe(404);
    const module = home.module(`import { defineTask } from "agentctl";
      export default defineTask(async (task) => { await task.artifact("a b.json", '{"ok":1}'); });`);
    const other = await home.run("--name", "maker", module);
    await home.reaches(other, "completed");
    const artifact = await web.fetch("/tasks/maker/artifacts/a%20b.json", {
      headers: { range: "bytes=1-4" },
    });
    expect([artifact.status, artifact.headers.get("content-disposition"), await artifact.text()]).toEqual([
      206,
      "attachment; filename*=UTF-8''a%20b.json",
      '"ok"',
    ]);
    expect((await text("/tasks/maker/artifacts/none"))[0]).toBe(404);
  });

  it("stream a growing log until the task has ended", async ({ home }) => {
    const web = await Web.open(home);
    const id = await home.run("sh", "-c", "echo one; until [ -e go ]; do sleep 0.05; done; echo two", {
      cwd: home.work,
    });
    const answer = await web.fetch(`/tasks/${id}/log?follow=1`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value ?? []).toString()).toBe("one\n");
    await home.sh("touch go");
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += Buffer.from(part.value);
    expect(rest).toBe("two\n");
  });

  it("breaks off a followed log if the daemon stops before the task has ended", async ({ home }) => {
    const web = await Web.open(home);
    const id = await home.run("sh", "-c", "echo one; until [ -e go ]; do sleep 0.02; done; echo two");
    const follow = () => web.fetch(`/tasks/${id}/log?follow=1`);
    const reader = (await follow()).body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toBe("one\n");
    const rest = reader?.read().then(
      ({ done }) => `done: ${done}`,
      (error) => error.message,
    );
    await home.cli("daemon", "restart");
    expect(await rest).toBe("terminated");
    const again = follow();
    writeFileSync(home.file("go"), "");
    expect(await (await again).text()).toBe("one\ntwo\n");
  });
});
