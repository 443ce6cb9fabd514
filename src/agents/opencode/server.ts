import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { Child, withTimeout } from "../adapter/child.ts";
import { AgentFailed } from "../adapter/failed.ts";
import { asObject, objectOf } from "../adapter/json.ts";
import type { AgentRun, Exit, Json } from "../adapter/types.ts";

/** How long the start of a server may take, in ms. We saw more than a minute on an overloaded machine. */
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 5000;

const quiet = Object.fromEntries(
  ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS"].map((name) => [
    `OPENCODE_DISABLE_${name}`,
    "1",
  ]),
);

/** One process of the agent: `opencode serve` in the task's directory. */
export class Server {
  readonly child: Child;
  readonly #password: string;
  readonly #stopped = new AbortController();
  #address = "";

  private constructor(child: Child, password: string) {
    this.child = child;
    this.#password = password;
    void child.exited.then(() => this.#stopped.abort());
  }

  /** Starts a server with `config` on top of the user's own. Rejects if the server does not start. */
  static async start(run: AgentRun, config: Json): Promise<Server> {
    const { facts, args, cwd, env, dir } = run;
    const password = randomBytes(24).toString("hex");
    const merged = { ...objectOf(env.OPENCODE_CONFIG_CONTENT ?? ""), ...config };
    let onAddress: (address: string) => void = () => {};
    const listening = new Promise<string>((resolve) => {
      onAddress = resolve;
    });
    const child = new Child({
      argv: [...facts.argv, "serve", "--port", String(await freePort()), "--hostname", "127.0.0.1", ...args],
      cwd,
      env: {
        ...quiet,
        ...env,
        OPENCODE_SERVER_PASSWORD: password,
        OPENCODE_CONFIG_CONTENT: JSON.stringify(merged),
      },
      dir,
      line: (line) => {
        const address = /https?:\/\/[\w.:[\]-]+/.exec(line)?.[0];
        if (address) onAddress(address);
      },
    });
    const server = new Server(child, password);
    const failure = child.exited.then(({ stderr }) =>
      Promise.reject(new AgentFailed(`opencode did not listen: ${stderr}`)),
    );
    failure.catch(() => {});
    const address = await withTimeout(Promise.race([listening, failure]), START_TIMEOUT_MS);
    if (address === undefined) {
      await server.stop();
      throw new AgentFailed("opencode did not listen in time");
    }
    server.#address = address;
    return server;
  }

  /** Sends a request. Resolves with the status and body of the response; rejects when the server is gone. */
  async ask(method: "GET" | "POST", path: string, body?: Json): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${this.#address}${path}`, {
      method,
      headers: { ...this.#authHeaders(), "content-type": "application/json" },
      signal: this.#stopped.signal,
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: asObject(objectOf(text)) ?? {} };
  }

  /** Calls `event` with each event until the server is gone. Resolves when the stream is open. */
  async listen(event: (text: string) => void): Promise<void> {
    const { signal } = this.#stopped;
    const response = await fetch(`${this.#address}/event`, { headers: this.#authHeaders(), signal });
    const read = async () => {
      let buffer = "";
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        buffer += Buffer.from(chunk).toString();
        const lines = buffer.split("\n");
        buffer = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("data:")) event(line.slice(5).trim());
      }
    };
    read().catch(() => {});
  }

  async stop(): Promise<Exit> {
    this.child.kill("SIGTERM");
    const exit = await withTimeout(this.child.exited, STOP_TIMEOUT_MS);
    this.child.kill("SIGKILL");
    return exit ?? (await this.child.exited);
  }

  #authHeaders(): Record<string, string> {
    return { authorization: `Basic ${Buffer.from(`opencode:${this.#password}`).toString("base64")}` };
  }
}

/** Returns a port that was free when we checked. Port 0 does not work: with it, opencode takes its usual port. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
