/** The daemon's responses over HTTP, compared with a bare server, with the socket, or with a fixed bound. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { copyTask } from "../fill.ts";
import { type Home, plainEnvironment, residentMb, withHome } from "../home.ts";
import { inPairs, spreadOf, timed } from "../pairs.ts";
import type { Row } from "../row.ts";

const CALLS = 200;
const FOLLOWERS = 100;
const SETTLE_MS = 7000;
const TASKS = 10_000;
/** The start time of tasks that cause no events during the measurement. */
const FAR = "2099-01-01T00:00:00Z";

/** A home that serves HTTP at its own address. */
class Web {
  readonly home: Home;
  readonly base: string;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(home: Home) {
    this.home = home;
    home.run("config", "set", "http.listen", "127.0.0.1:0");
    const status = JSON.parse(home.run("daemon", "status", "--json")) as { http: { url: string } };
    this.base = status.http.url;
    this.#token = readFileSync(join(home.path, "http.token"), "utf8");
  }

  /** Sends a request and resolves with the start of the response. Its body is still to be read. */
  async begin(path: string, body?: object, headers: object = {}): Promise<IncomingMessage> {
    const text = body && JSON.stringify(body);
    const asked = request(new URL(path, this.base), {
      method: text ? "POST" : "GET",
      agent: path === "events" ? new Agent() : this.#agent,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json", ...headers },
    });
    asked.end(text);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    return answer;
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += chunk;
  return text;
}

/** Sends one POST over a persistent connection. */
function post(agent: Agent, url: URL, token: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const asked = request(url, { method: "POST", agent, headers }, (answer) =>
      answer.resume().once("end", resolve),
    );
    asked.once("error", reject).end(body);
  });
}

async function rpcAgainstBare(home: Home, pairs: number) {
  const web = new Web(home);
  const id = Number(home.run("run", "--wait", "true").trim());
  const call = { jsonrpc: "2.0", id: 1, method: "tasks/get", params: { id } };
  const { length } = await textOf(await web.begin("rpc", call));
  const file = join(import.meta.dirname, "../tasks/bare-http.cjs");
  // In its own session, like a daemon: the kernel first divides a busy machine's time among sessions.
  const options = { env: plainEnvironment(), execArgv: [], detached: true };
  const bare = fork(file, [String(length)], options);
  const [port] = (await once(bare, "message")) as [number];
  const token = readFileSync(join(home.path, "http.token"), "utf8");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const often = (url: URL) => async () =>
    await timed(async () => {
      for (let n = 0; n < CALLS; n++) await post(agent, url, token, JSON.stringify(call));
    });
  const [ours, theirs] = [often(new URL("rpc", web.base)), often(new URL(`http://127.0.0.1:${port}/`))];
  try {
    // Warm up first: cold code would measure the compiler.
    for (let turn = 0; turn < 10; turn++) for (const each of [ours, theirs]) await each();
    return await inPairs(pairs, ours, theirs);
  } finally {
    bare.kill();
    agent.destroy();
  }
}

/** Measures from an event's own time, which is before its commit, until the last follower has the event, in ms. */
async function lastFollower(home: Home, times: number) {
  const web = new Web(home);
  const rpc = await home.connect();
  const { task } = await rpc.call("tasks/create", { argv: ["true"], notBefore: FAR });
  const lags = new Map<number, number[]>();
  const followers = await Promise.all(Array.from({ length: FOLLOWERS }, () => web.begin("events")));
  for (const follower of followers) {
    follower.setEncoding("utf8").on("data", (text: string) => {
      const now = performance.timeOrigin + performance.now();
      for (const [, json] of text.matchAll(/^data: (.*)$/gm)) {
        const { seq, at } = JSON.parse(json as string) as { seq: number; at: string };
        lags.set(seq, [...(lags.get(seq) ?? []), now - Date.parse(at)]);
      }
    });
  }
  await sleep(500);
  for (let n = 0; n < times; n++) {
    await rpc.call(n % 2 === 0 ? "tasks/hold" : "tasks/release", { id: task.id });
    await sleep(100);
  }
  for (const follower of followers) follower.destroy();
  return spreadOf(
    [...lags.values()].filter(({ length }) => length === FOLLOWERS).map((each) => Math.max(...each)),
  );
}

async function settledMb(isOn: boolean): Promise<number> {
  return await withHome(async (home) => {
    if (isOn) home.run("config", "set", "http.listen", "127.0.0.1:0");
    await sleep(SETTLE_MS);
    return residentMb(home.pid);
  });
}

/** Measures how long the browser takes to paint the first tasks of the dashboard, in ms. */
async function firstPaint(home: Home, executablePath: string, times: number) {
  home.run("run", "--wait", "true");
  home.run("daemon", "stop");
  copyTask(home, 1, TASKS);
  home.run("daemon", "start");
  const web = new Web(home);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage();
    await page.goto(home.run("ui", "--print").trim());
    const values: number[] = [];
    for (let n = 0; n < times; n++) {
      await page.goto("about:blank");
      await page.goto(web.base, { waitUntil: "commit" });
      await page.locator(".rows li").first().waitFor();
      values.push(Number(await page.evaluate("performance.now()")));
    }
    return spreadOf(values);
  } finally {
    await browser.close();
  }
}

/** This time is subtracted from that of an A2A send before it is compared with the socket. */
const A2A_MS = 10;

async function a2aAgainstSocket(home: Home, pairs: number) {
  const run = { argv: ["true"], notBefore: FAR };
  home.run("config", "set", "a2a", JSON.stringify({ run }));
  const web = new Web(home);
  let wake = () => {};
  const rpc = await home.connect(() => wake());
  await rpc.call("tasks/subscribe", { snapshot: false });
  const message = () => ({ role: "ROLE_USER", messageId: crypto.randomUUID(), parts: [{ text: "x" }] });
  const ours = async () => {
    const call = { jsonrpc: "2.0", id: 1, method: "SendStreamingMessage", params: { message: message() } };
    let answer: IncomingMessage | undefined;
    const ms = await timed(async () => {
      answer = await web.begin("a2a", call, { "a2a-version": "1.0" });
      await once(answer, "data");
    });
    answer?.destroy();
    return Math.max(0, ms - A2A_MS);
  };
  const theirs = async () =>
    await timed(async () => {
      const told = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await rpc.call("tasks/create", run);
      await told;
    });
  for (let turn = 0; turn < 10; turn++) for (const each of [ours, theirs]) await each();
  return await inPairs(pairs, ours, theirs);
}

function browserPath(): string | undefined {
  return ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => {
    try {
      return readFileSync(path).length > 0;
    } catch {
      return false;
    }
  });
}

export const http: Row[] = [
  {
    name: "http-rpc",
    what: "tasks/get by POST /rpc, one connection",
    against: "a bare node:http server with a constant",
    target: { is: "at most", value: 1.5, unit: "×" },
    measure: (effort) => withHome((home) => rpcAgainstBare(home, effort.pairs(31))),
  },
  {
    name: "http-events",
    what: `an event to the last of ${FOLLOWERS} followers of GET /events`,
    against: "–",
    target: { is: "at most", value: 20, unit: "ms" },
    measure: (effort) => withHome((home) => lastFollower(home, effort.pairs(100))),
  },
  {
    name: "http-memory",
    what: "resident memory with the server on and idle",
    against: "off",
    target: { is: "at most", value: 15, unit: "MB" },
    async measure(effort) {
      if (process.platform !== "linux") return { skipped: "reads /proc" };
      const values: number[] = [];
      for (let n = 0; n < effort.pairs(5); n++)
        values.push((await settledMb(true)) - (await settledMb(false)));
      return spreadOf(values);
    },
  },
  {
    name: "http-paint",
    what: "first paint of the dashboard with 10,000 tasks",
    against: "–",
    target: { is: "at most", value: 1000, unit: "ms" },
    async measure(effort) {
      const path = browserPath();
      if (path === undefined) return { skipped: "needs Chromium" };
      return await withHome((home) => firstPaint(home, path, effort.pairs(11)));
    },
  },
  {
    name: "http-a2a",
    what: "A2A send to its first event, without ten milliseconds",
    against: "tasks/create to its event over the socket",
    target: { is: "at most", value: 1.5, unit: "×" },
    measure: (effort) => withHome((home) => a2aAgainstSocket(home, effort.pairs(31))),
  },
];
