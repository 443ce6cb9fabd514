import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { Webhook } from "standardwebhooks";
import { expect } from "vitest";
import { type Home, it, needsOwnStore, sqlite, until } from "../harness/index.ts";

/** Writes the hooks of a home and lets a running daemon reload them. */
async function configure(home: Home, hooks: object[]): Promise<void> {
  const file = join(home.dir, "config.json");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  await home.cli("daemon", "start");
  writeFileSync(file, JSON.stringify({ hooks }));
  const { code, stderr } = await home.cli("config", "reload");
  expect([code, stderr]).toEqual([0, ""]);
}

/** A program that adds its input to the file `told`, one line for each event. */
const teller = (home: Home, more = "") =>
  home.script(
    `cat >> ${home.file("told")}; echo "$AGENTCTL_EVENT_TASK $AGENTCTL_EVENT_TO" >> ${home.file("named")}; ${more}`,
    "hook",
  );

const linesOf = (home: Home, file: string) =>
  existsSync(home.file(file)) ? readFileSync(home.file(file), "utf8").trim().split("\n") : [];

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** Starts a web server that responds with `statuses` in turn, and then always with the last one. */
async function receiver(...statuses: number[]) {
  const moved = "https://example.org/moved";
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", () => {
      response
        .writeHead(statuses[Math.min(received.length, statuses.length - 1)] ?? 204, { location: moved })
        .end();
      received.push({ headers: request.headers, body });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { received, url: `http://127.0.0.1:${port}/told`, close };
}

it("runs a hook's program for the states, labels and names that the hook selects", async ({ home }) => {
  const run = [teller(home)];
  await configure(home, [
    { on: ["completed", "failed"], where: { labels: { k: "v" }, name: "b[a-c]*" }, run },
  ]);
  await home.cli("run", "--wait", "--label", "k=v", "--name", "xa", "true");
  await home.cli("run", "--wait", "--label", "k=w", "--name", "ba", "true");
  const good = await home.run("--label", "k=v", "--name", "ba", "true");
  const bad = await home.run("--label", "k=v", "--name", "bc-2", "sh", "-c", "exit 3");
  await until(() => linesOf(home, "named").length === 2);
  expect(linesOf(home, "named").toSorted()).toEqual([`${good} completed`, `${bad} failed`]);
  const told = linesOf(home, "told").map((line) => JSON.parse(line));
  expect(told.find(({ event }) => event.task === bad)).toMatchObject({
    type: "task.failed",
    event: { from: "working", to: "failed" },
    task: { id: bad, name: "bc-2", exitCode: 3 },
  });
});

it("delivers the events of each task in order, and retries a failed hook after a daemon crash", async ({
  home,
}) => {
  const run = [teller(home, `[ -e ${home.file("go")} ]`)];
  await configure(home, [{ on: ["submitted", "working", "completed"], run }]);
  const id = await home.run("true");
  await home.reaches(id, "completed");
  await until(() => linesOf(home, "named").length >= 2);
  expect(new Set(linesOf(home, "named"))).toEqual(new Set([`${id} submitted`]));
  const [failing] = await home.json("hook", "list");
  expect(failing).toMatchObject({
    n: 1,
    waiting: 3,
    told: 0,
    lastError: expect.stringContaining("ended with 1"),
  });
  await home.killDaemon();
  writeFileSync(home.file("go"), "");
  await home.cli("list");
  await until(async () => (await home.json("hook", "list"))[0].told === 3);
  const named = linesOf(home, "named");
  expect(named.filter((line, at) => line !== named[at - 1])).toEqual(
    ["submitted", "working", "completed"].map((state) => `${id} ${state}`),
  );
});

it("posts with the headers of Standard Webhooks, which their library verifies", async ({ home }) => {
  const secret = `whsec_${Buffer.from("a secret of some length").toString("base64")}`;
  const web = await receiver(500, 204);
  try {
    await configure(home, [{ on: "completed", url: web.url, secret }]);
    const id = await home.run("true");
    await until(() => web.received.length === 2);
    const [first, second] = web.received as [Received, Received];
    for (const { headers, body } of [first, second]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({
        task: { id },
      });
    }
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(() =>
      new Webhook(secret).verify(`${first.body} `, first.headers as Record<string, string>),
    ).toThrow();
    const { stdout } = await home.cli("config", "get", "hooks");
    expect(stdout).toContain(web.url);
    expect(stdout).not.toContain(secret);
  } finally {
    await web.close();
  }
});

it("names the address to which a hook is redirected, and does not follow it", async ({ home }) => {
  const web = await receiver(301);
  try {
    await configure(home, [{ on: "completed", url: web.url }]);
    const { code, stderr } = await home.cli("hook", "test", "1");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${web.url} answered 301, a redirect to https://example.org/moved, which is`),
    ]);
    expect(web.received).toHaveLength(1);
  } finally {
    await web.close();
  }
});

it("sends the user and password of an address as Basic authentication, and shows no password", async ({
  home,
}) => {
  const web = await receiver(401);
  try {
    const url = web.url.replace("://", "://ada:p%40s@s%ff%@");
    await configure(home, [{ on: "completed", url }]);
    const tested = await home.cli("hook", "test", "1");
    const { authorization = "" } = web.received[0]?.headers ?? {};
    expect(Buffer.from(authorization.replace("Basic ", ""), "base64").toString("latin1")).toBe(
      "ada:p@s@s\xff%",
    );
    expect(tested.stderr).toMatch(new RegExp(`^hook 1 failed after \\d+ ms: ${web.url} answered 401\n$`));
    for (const words of [
      ["hook", "list"],
      ["config", "get", "hooks"],
      ["config", "list"],
    ]) {
      const { stdout } = await home.cli(...words);
      expect(stdout).toContain("://ada:(hidden)@127.0.0.1");
      expect(stdout).not.toMatch(/p%40s|s%ff/);
    }
  } finally {
    await web.close();
  }
});

it("does not let a hook that hangs or cannot start delay another hook", async ({ home }) => {
  needsOwnStore(home, "doctor is refused in a cluster");
  const hangs = home.script("sleep 300", "hangs");
  await configure(home, [
    { on: "completed", run: [hangs] },
    { on: "completed", run: [home.file("missing")] },
    { on: "completed", run: [teller(home)] },
  ]);
  await home.cli("run", "true");
  const last = await home.run("true");
  await until(() => linesOf(home, "named").includes(`${last} completed`));
  await until(async () => (await home.json("hook", "list"))[1].lastError !== null);
  const { problems } = await home.json("doctor");
  expect(problems).toContainEqual(
    expect.objectContaining({ check: "hooks", what: expect.stringContaining("could not be started") }),
  );
  const [first, second, third] = await home.json("hook", "list");
  expect(first).toMatchObject({ waiting: 2, told: 0 });
  expect(second.lastError).toContain("could not be started");
  expect(third).toMatchObject({ waiting: 0, told: 2, lastError: null });
});

it("sends an example with hook test and prints the response", async ({ home }) => {
  const run = [home.script(`cat > ${home.file("example")}; echo heard; exit 0`, "hears")];
  const fails = [home.script("echo no >&2; exit 4", "fails")];
  await configure(home, [
    { on: "failed", run },
    { on: "lost", run: fails },
  ]);
  const good = await home.cli("hook", "test", "1");
  expect([good.code, good.stdout]).toEqual([0, "heard\n"]);
  expect(JSON.parse(readFileSync(home.file("example"), "utf8"))).toMatchObject({ type: "task.failed" });
  expect(await home.json("hook", "test", "2")).toMatchObject({ ok: false, said: "no" });
  expect((await home.cli("hook", "test", "2")).code).toBe(1);
  for (const n of ["0", "x"]) expect((await home.cli("hook", "test", n)).code).toBe(2);
  expect((await home.cli("hook", "test", "3")).stderr).toContain("there is no hook 3: the last one is 2");
});

it("refuses a meaningless hook and keeps the earlier hooks", async ({ home }) => {
  await configure(home, [{ on: "failed", run: ["true"] }]);
  for (const [hook, why] of [
    [{ on: "finished", run: ["true"] }, "neither a state nor a cause"],
    [{ on: "failed" }, "either `run` or `url`"],
    [{ on: "failed", url: "ftp://x" }, "http or https"],
    [{ on: "failed", run: "true" }, "must be a list"],
    [{ on: "failed", run: ["true"], when: 1 }, 'no field "when"'],
  ] as const) {
    writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hooks: [hook] }));
    const { code, stderr } = await home.cli("config", "reload");
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(stderr).toContain("hook 1");
  }
  expect((await home.rpc("hooks/list")).hooks).toHaveLength(1);
});

it("has doctor report that the program for desktop notifications is missing", async ({ home, skip }) => {
  skip(process.platform === "darwin", "osascript shows them there");
  await home.cli("config", "set", "notify", "desktop");
  const path = home.env.PATH ?? "";
  home.env.PATH = dirname(process.execPath);
  const { code, stdout } = await home.cli("doctor");
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/settings: .*notify-send is not on the PATH\n.*config set notify off/),
  ]);
  home.env.PATH = `${dirname(home.script("true", "notify-send"))}:${path}`;
  expect((await home.cli("doctor")).code).toBe(0);
});

it("notifies on the desktop of tasks that ran over a minute, on the caller's bus", async ({ home, skip }) => {
  skip(process.platform === "darwin", "osascript shows it there");
  const shown = home.file("shown");
  const program = home.script(
    `printf '%s\\n' "$DBUS_SESSION_BUS_ADDRESS" "$@" > ${shown}.new; mv ${shown}.new ${shown}`,
    "notify-send",
  );
  home.env.PATH = `${dirname(program)}:${home.env.PATH}`;
  home.env.DBUS_SESSION_BUS_ADDRESS = "unix:path=/named";
  await home.cli("config", "set", "notify", "desktop");
  const brief = await home.run("true");
  const long = await home.run("--hold", "--name", "deploy", "sh", "-c", "exit 3");
  sqlite(home, "update tasks set run_ms = 61000 where id = ?", [long]);
  await home.reaches(brief, "completed");
  await home.cli("release", `${long}`);
  await until(() => existsSync(shown));
  expect(readFileSync(shown, "utf8").split("\n")).toEqual(
    expect.arrayContaining(["unix:path=/named", "agentctl: deploy has failed"]),
  );
});
