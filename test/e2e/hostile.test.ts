import { connect, type Socket } from "node:net";
import { expect } from "vitest";
import { type Home, isShared, it, needsOwnStore, processes, residentBytes, until } from "../harness/index.ts";
import { notes, open, pidOf, taskModule } from "./story.ts";

const MIB = 1024 * 1024;

/** Returns the pid of a daemon that has run a task. */
async function warm(home: Home): Promise<number> {
  await home.cli("run", "--wait", "true");
  return (await home.daemonPid()) as number;
}

/** Checks that others are served, whatever one client does. On a busy machine some of four tries may be late. */
async function servesOthers(home: Home): Promise<void> {
  const took: number[] = [];
  while (took.length < 4 && Math.min(...took) >= 5_000) {
    const at = performance.now();
    await home.rpc("tasks/create", { argv: ["true"], held: true }, 10_000);
    await home.rpc("tasks/list", { limit: 5 }, 10_000);
    took.push(performance.now() - at);
  }
  expect(Math.min(...took)).toBeLessThan(5_000);
}

/** Sends the bytes; returns the error's name, and whether the daemon closed the connection. */
async function answered(home: Home, bytes: string | Buffer): Promise<{ name: unknown; closed: boolean }> {
  const wire = await home.connect();
  wire.socket.write(bytes);
  const { error } = await wire.read();
  // A connection that stays open answers the next request.
  wire.send({ jsonrpc: "2.0", id: "next", method: "queues/list" });
  const next = await wire.read(({ id }) => id === "next").catch(() => null);
  const closed = next === null;
  wire.close();
  return { name: error?.data?.name, closed };
}

function nested(depth: number): string {
  return `{"jsonrpc":"2.0","id":1,"method":"tasks/create","params":{"module":"/m.ts","acceptMissing":true,"input":${"[".repeat(depth)}${"]".repeat(depth)}}}\n`;
}

const create = (params: object) =>
  `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tasks/create", params })}\n`;

const frames: [what: string, bytes: string | Buffer, name: string, closed: boolean][] = [
  ["no JSON", "hello\n", "ParseError", true],
  ["half a JSON", '{"jsonrpc":\n', "ParseError", true],
  ["binary", Buffer.from([0, 1, 2, 255, 254, 0x80, 10]), "ParseError", true],
  [
    "bytes that are no UTF-8 in a name",
    Buffer.from(create({ argv: ["true"], name: "\0" }).replace("\\u0000", "\xff"), "latin1"),
    "ParseError",
    true,
  ],
  ["NUL bytes around a message", `\0${create({ argv: ["true"] })}`, "ParseError", true],
  ["17 MiB without a line end", Buffer.alloc(17 * MIB, "x"), "ParseError", true],
  ["17 MiB in one string", create({ argv: ["x".repeat(17 * MIB)] }), "ParseError", true],
  ["a million brackets", `${"[".repeat(1_000_000)}\n`, "ParseError", true],
  ["an input nested 100,000 deep", nested(100_000), "ParseError", true],
  ["an input nested 1,400 deep", nested(1_400), "", false],
  ["a batch", "[]\n", "InvalidRequest", false],
  ["a number", "7\n", "InvalidRequest", false],
  ["null", "null\n", "InvalidRequest", false],
  ["another protocol", '{"jsonrpc":"1.0","id":1,"method":"tasks/list"}\n', "InvalidRequest", false],
  ["an object for an id", '{"jsonrpc":"2.0","id":{},"method":"tasks/list"}\n', "InvalidRequest", false],
  ["an unknown method", '{"jsonrpc":"2.0","id":1,"method":"tasks/fly"}\n', "MethodNotFound", false],
  ["a method of the prototype", '{"jsonrpc":"2.0","id":1,"method":"constructor"}\n', "MethodNotFound", false],
  ["__proto__ for a method", '{"jsonrpc":"2.0","id":1,"method":"__proto__"}\n', "MethodNotFound", false],
  [
    "a method of a megabyte",
    `{"jsonrpc":"2.0","id":1,"method":"${"x".repeat(MIB)}"}\n`,
    "MethodNotFound",
    false,
  ],
  [
    "params that are a list",
    '{"jsonrpc":"2.0","id":1,"method":"tasks/list","params":[]}\n',
    "InvalidParams",
    false,
  ],
  [
    "__proto__ among the params",
    '{"jsonrpc":"2.0","id":1,"method":"tasks/list","params":{"__proto__":{"limit":1},"x":1}}\n',
    "InvalidParams",
    false,
  ],
  ["an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ParseError", true],
];

it("answers each broken frame with its error, closes the connection if necessary and serves others", async ({
  home,
}) => {
  const pid = await warm(home);
  for (const [what, bytes, name, closed] of frames) {
    const seen = await answered(home, bytes);
    expect([what, seen]).toEqual([what, { name: name || undefined, closed }]);
  }
  await servesOthers(home);
  expect(await home.daemonPid()).toBe(pid);
  expect(home.allowedInLog).toEqual([]);
});

it("refuses a line that is not UTF-8, says so and runs nothing of it", async ({ home }) => {
  await warm(home);
  const line = Buffer.from(create({ argv: ["echo", "\xe9"] }), "latin1");
  const wire = await home.connect();
  for (const part of [line.subarray(0, 20), line.subarray(20)]) wire.socket.write(part);
  const { id, error } = await wire.read();
  expect([id, error?.code, error?.message]).toEqual([null, -32700, "the line is not JSON: it is not UTF-8"]);
  expect((await home.json("list", "--all")).length).toBe(1);
});

const long = "x".repeat(MIB);
const fields: [field: string, params: object][] = [
  ["name", { argv: ["true"], name: "a\u001b[31mb" }],
  ["name", { argv: ["true"], name: "two\nlines" }],
  ["name", { argv: ["true"], name: "123" }],
  ["name", { argv: ["true"], name: "" }],
  ["name", { argv: ["true"], name: long }],
  ["labels", { argv: ["true"], labels: { "a\u0000b": "x" } }],
  ["labels.a", { argv: ["true"], labels: { a: long } }],
  [
    "labels",
    { argv: ["true"], labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""])) },
  ],
  ["queue", { argv: ["true"], queue: "../x" }],
  ["queue", { argv: ["true"], queue: "a b" }],
  ["key", { argv: ["true"], key: long }],
  ["cwd", { argv: ["true"], cwd: "relative" }],
  ["cwd", { argv: ["true"], cwd: "/nul\u0000" }],
  ["argv.1", { argv: ["echo", "nul\u0000nul"] }],
  ["argv", { argv: [] }],
  ["argv", { argv: [""] }],
  ["module", { module: "../x.ts" }],
  ["env", { argv: ["true"], env: { "A=B": "x" } }],
  ["env.A", { argv: ["true"], env: { A: "nul\u0000" } }],
  ["pauseSignal", { argv: ["true"], pauseSignal: "KILL; rm -rf /" }],
  ["pauseSignal", { argv: ["true"], pauseSignal: "SIGFOO" }],
  ["labels", { argv: ["true"], labels: ["a"] }],
  ["timeoutMs", { argv: ["true"], timeoutMs: 0 }],
  ["retries", { argv: ["true"], retries: 1e308 }],
  ["timeoutMs", { argv: ["true"], timeoutMs: -1 }],
  ["notBefore", { argv: ["true"], notBefore: "tomorrow" }],
  ["after", { argv: ["true"], after: long }],
  ["shell", { argv: ["true"], shell: true }],
];

it("names the field of each bad value in a short message, and stores nothing of it", async ({ home }) => {
  await warm(home);
  const wire = await home.connect();
  for (const [field, params] of fields) {
    const { data, message } = await wire.request("tasks/create", params).catch((error) => error);
    expect([params, data?.name, String(data?.field).split(".")[0]]).toEqual([
      params,
      "InvalidParams",
      field.split(".")[0],
    ]);
    expect(message.length).toBeLessThan(5_000);
  }
  expect((await home.json("list", "--all")).length).toBe(1);
  for (const id of [
    "../1",
    "1; drop table tasks",
    "'",
    "\u0000",
    "0",
    "-1",
    "1e3",
    "NaN",
    "99999999999999999999",
  ]) {
    expect((await wire.request("tasks/get", { id }).catch((error) => error)).data.name).toBe("TaskNotFound");
  }
});

it("accepts extreme but allowed values, and prints them without control characters", async ({ home }) => {
  const id = await home.run(
    "--name",
    "..",
    "--label",
    "a=\u001b[2J\nx",
    "--",
    "sh",
    "-c",
    "exit 0",
    "\u001b]0;title\u0007",
    "é\u202e",
  );
  await home.reaches(id, "completed");
  for (const words of [
    ["list", "--all"],
    ["show", ".."],
    ["show", `${id}`],
  ]) {
    const { code, stdout } = await home.cli(...words);
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/);
  }
});

it("refuses a task whose arguments or environment are too long for the kernel, and names E2BIG", async ({
  home,
}) => {
  needsOwnStore(home, "a cluster keeps no variables of the caller");
  await home.cli("daemon", "start");
  const long = [
    { argv: ["echo", "x".repeat(3 * MIB)] },
    { argv: ["echo"], env: { BIG: "x".repeat(3 * MIB) } },
    { argv: ["echo", ...Array(80).fill("x".repeat(100_000))] },
  ];
  for (const params of long) {
    await expect(home.rpc("tasks/create", params)).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining("E2BIG"),
    });
  }
  await servesOthers(home);
});

async function sockets(home: Home, count: number): Promise<Socket[]> {
  const all = Array.from({ length: count }, () => connect(home.socket).on("error", () => undefined));
  await until(() => all.every((socket) => !socket.connecting), { message: `${count} connections` });
  return all;
}

it("serves others while 500 clients are idle and one sends a byte at a time", async ({ home }) => {
  const pid = await warm(home);
  const idle = await sockets(home, 500);
  const slow = await home.connect();
  const line = `${JSON.stringify({ jsonrpc: "2.0", id: "slow", method: "tasks/list", params: {} })}\n`;
  for (const byte of line) {
    slow.socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await servesOthers(home);
  expect((await slow.read()).result.tasks.length).toBeGreaterThan(0);
  expect(residentBytes(pid)).toBeLessThan(200 * MIB);
  for (const socket of idle) socket.destroy();
});

it("bounds the memory for unfinished lines of all clients together", async ({ home }) => {
  const pid = await warm(home);
  const before = residentBytes(pid);
  const many = await sockets(home, 40);
  for (const socket of many) socket.write(Buffer.alloc(15 * MIB, "x"));
  await until(() => many.filter((socket) => socket.bytesRead > 0).length > 10, { message: "refusals" });
  await servesOthers(home);
  expect(residentBytes(pid) - before).toBeLessThan(600 * MIB);
  for (const socket of many) socket.destroy();
  await until(() => residentBytes(pid) - before < 600 * MIB);
});

it("bounds the memory for a client that requests everything 150 times and reads nothing", async ({
  home,
}) => {
  const pid = await warm(home);
  const tasks = Array.from({ length: 500 }, () => ({ argv: ["true", "x".repeat(500)], held: true }));
  await home.rpc("tasks/batch", { tasks });
  const before = residentBytes(pid);
  const wire = await home.connect();
  wire.socket.pause();
  for (let n = 0; n < 150; n++) wire.send({ jsonrpc: "2.0", id: n, method: "tasks/list", params: {} });
  await servesOthers(home);
  expect(residentBytes(pid) - before).toBeLessThan(250 * MIB);
  wire.socket.resume();
  await until(() => wire.inbox.length === 150, {
    deadlineMs: 60_000,
    message: "all answers, once it reads",
  });
});

it("buffers nothing for a follower that does not read, which later gets every event", async ({ home }) => {
  const pid = await warm(home);
  const follower = await home.connect();
  const { seq } = await follower.request("tasks/subscribe", {});
  follower.socket.pause();
  const before = residentBytes(pid);
  const tasks = Array.from({ length: 1000 }, () => ({
    argv: ["true"],
    held: true,
    labels: { pad: "x".repeat(200) },
  }));
  // To cancel more tasks at the end takes longer in PostgreSQL.
  const rounds = isShared(home) ? 2 : 8;
  for (let n = 0; n < rounds; n++) await home.rpc("tasks/batch", { tasks });
  await servesOthers(home);
  expect(residentBytes(pid) - before).toBeLessThan(250 * MIB);
  follower.socket.resume();
  const last = () => follower.inbox.at(-1)?.params?.seq;
  const events = rounds * 1000 + 1;
  await until(() => follower.inbox.length >= events, { deadlineMs: 20_000, message: `${events} events` });
  const numbers = follower.inbox.map(({ params }) => params.seq);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, at) => seq + 1 + at));
  expect(last()).toBe(seq + numbers.length);
});

it("refuses tokens of other tasks, old attempts and invented ones, and changes nothing", async ({ home }) => {
  const spell = "echo $AGENTCTL_TOKEN >> tokens; exec sleep 60";
  const id = await home.run("--pause-mode", "checkpoint", "sh", "-c", spell);
  const first = (await until(() => notes(home, "tokens")[0])) as string;
  await home.cli("pause", `${id}`);
  await home.cli("resume", `${id}`, "--wait");
  await until(() => notes(home, "tokens").length === 2);
  const wire = await home.connect();
  const calls: [string, object][] = [
    ["attempt/hello", {}],
    ["attempt/checkpoint", { value: { stolen: true } }],
    ["attempt/step", { name: "s", value: 1 }],
    ["attempt/sleep", { ms: 1 }],
    ["attempt/ask", { prompt: "?" }],
    ["attempt/progress", { done: 1 }],
    ["attempt/artifact", { name: "a", path: "/etc/hostname" }],
    ["attempt/messages", {}],
    ["attempt/suspended", { for: "sleep" }],
    ["attempt/result", { value: 1 }],
  ];
  const before = await home.json("show", `${id}`);
  for (const token of [first, "made up", first.slice(0, -1), `${first} `]) {
    for (const [method, params] of calls) {
      const { data } = await wire.request(method, { ...params, token }).catch((error) => error);
      expect([method, data?.name]).toEqual([method, "StaleAttempt"]);
    }
  }
  const unknown = await wire.request("attempt/messages", { token: "made up" }).catch((error) => error);
  expect([unknown.message, unknown.data]).toEqual([
    "attempt/messages: the token belongs to no attempt: it may change nothing (-32022)",
    { name: "StaleAttempt", id: null, state: null, attempt: null, hint: null },
  ]);
  expect((await wire.request("attempt/progress", { done: 1 }).catch((error) => error)).data.name).toBe(
    "InvalidParams",
  );
  const after = await home.json("show", `${id}`);
  expect({ ...after, runMs: 0, updatedAt: 0 }).toEqual({ ...before, runMs: 0, updatedAt: 0 });
});

const modules: [what: string, source: string, error: RegExp][] = [
  ["throws at import", 'throw new Error("at import");', /at import/],
  ["throws what is no error", "throw null;", /./],
  ["is no TypeScript", "this is (not", /./],
  ["exports nothing", "export const x = 1;", /./],
  ["exits at import", "process.exit(0);", /process.exit\(0\)/],
  ["exits in its task", taskModule("process.exit(3);"), /exit/],
  [
    "kills itself",
    taskModule('process.kill(process.pid, "SIGKILL"); await new Promise(() => {});'),
    /SIGKILL/,
  ],
  [
    "rejects beside its task",
    taskModule('void Promise.reject(new Error("beside")); await task.sleep("1s");'),
    /beside/,
  ],
  ["returns what JSON cannot hold", taskModule("return { f: () => 1 };"), /function|JSON/],
  ["returns a cycle", taskModule("const a: any = {}; a.a = a; return a;"), /leads back|JSON/],
  [
    "returns a thousand levels",
    taskModule("let a: any = 1; for (let i = 0; i < 5000; i++) a = [a]; return a;"),
    /nested deeper/,
  ],
  ["throws a proxy", taskModule('throw new Proxy({}, { get() { throw new Error("no"); } });'), /./],
];

it("fails every module that misbehaves, names the reason and serves others", async ({ home }) => {
  await home.cli("queue", "set", "default", "--slots", "2");
  const ids = [];
  for (const [at, [, source]] of modules.entries())
    ids.push(await home.run(home.module(source, `bad-${at}.ts`)));
  await servesOthers(home);
  for (const [at, [what, , error]] of modules.entries()) {
    const task = await home.reaches(ids[at] as number, "failed", 20_000);
    expect([what, task.error.message]).toEqual([what, expect.stringMatching(error)]);
  }
});

it("fails a module that runs out of memory, kills what a module forked, and serves others", async ({
  home,
}) => {
  const leak = taskModule("const all = []; for (;;) all.push(new Array(100_000).fill({}));");
  const fork = taskModule(`
    const { spawn } = await import("node:child_process");
    for (let n = 0; n < 30; n++) spawn("sleep", ["61"], { detached: n % 2 === 0, stdio: "ignore" }).unref();
    note("forked");
    await task.step("wait", () => gate("go"));
  `);
  const leaking = await home.run(
    home.module(leak, "leak.ts"),
    "--env",
    "NODE_OPTIONS=--max-old-space-size=40",
  );
  const forking = await home.run(home.module(fork, "fork.ts"));
  await until(() => notes(home).includes("forked"));
  await servesOthers(home);
  expect(await home.reaches(leaking, "failed", 20_000)).toMatchObject({
    error: { name: expect.any(String) },
  });
  open(home);
  await home.reaches(forking, "completed", 20_000);
  expect(processes(home.root).filter(({ command }) => command === "sleep 61")).toEqual([]);
});

it("serves others while a module floods its output and blocks its event loop", async ({ home }) => {
  const pid = await warm(home);
  await home.cli("config", "set", "log.maxBytes", "4MiB");
  const flood = taskModule(
    `const { writeSync } = await import("node:fs");
     const line = "x".repeat(65_000) + "\\n";
     for (;;) {
       process.stdout.write(line);
       // Node makes the pipe non-blocking: a direct write fails while the pipe is full.
       try { writeSync(1, line); } catch (error) { if (error.code !== "EAGAIN") throw error; }
     }`,
  );
  const id = await home.run(home.module(flood));
  await pidOf(home, id);
  const before = residentBytes(pid);
  await servesOthers(home);
  expect((await home.cli("cancel", `${id}`, "--grace", "0s")).code).toBe(0);
  expect(residentBytes(pid) - before).toBeLessThan(100 * MIB);
});
