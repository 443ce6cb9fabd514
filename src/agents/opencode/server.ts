import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { Child, within } from "../adapter/child.ts";
import { AgentFailed } from "../adapter/failed.ts";
import { asObject, objectOf } from "../adapter/json.ts";
import type { AgentRun, Exit, Json } from "../adapter/types.ts";

/** How long the start of a server may take: more than a minute was seen on a machine with far too much to do. */
const START_MS = 300_000;
const STOP_MS = 5000;

const quiet = Object.fromEntries(
  ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS"].map((name) => [
    `OPENCODE_DISABLE_${name}`,
    "1",
  ]),
);

/** `opencode serve` in the directory of the task, for one process of the agent. */
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

  /** Starts a server with `config` over the user's own; rejects when it does not come up. */
  static async start(run: AgentRun, config: Json): Promise<Server> {
    const { facts, args, cwd, env, dir } = run;
    const password = randomBytes(24).toString("hex");
    const given = { ...objectOf(env.OPENCODE_CONFIG_CONTENT ?? ""), ...config };
    let listens: (address: string) => void = () => {};
    const listening = new Promise<string>((resolve) => {
      listens = resolve;
    });
    const child = new Child({
      argv: [...facts.argv, "serve", "--port", String(await freePort()), "--hostname", "127.0.0.1", ...args],
      cwd,
      env: {
        ...quiet,
        ...env,
        OPENCODE_SERVER_PASSWORD: password,
        OPENCODE_CONFIG_CONTENT: JSON.stringify(given),
      },
      dir,
      line: (line) => {
        const address = /https?:\/\/[\w.:[\]-]+/.exec(line)?.[0];
        if (address) listens(address);
      },
    });
    const server = new Server(child, password);
    const gone = child.exited.then(({ stderr }) =>
      Promise.reject(new AgentFailed(`opencode did not listen: ${stderr}`)),
    );
    gone.catch(() => {});
    const address = await within(Promise.race([listening, gone]), START_MS);
    if (address === undefined) {
      await server.stop();
      throw new AgentFailed("opencode did not listen in time");
    }
    server.#address = address;
    return server;
  }

  /** The status and what was answered; rejects when the server is gone. */
  async ask(method: "GET" | "POST", path: string, body?: Json): Promise<{ status: number; body: Json }> {
    const answer = await fetch(`${this.#address}${path}`, {
      method,
      headers: { ...this.#authorised(), "content-type": "application/json" },
      signal: this.#stopped.signal,
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: asObject(objectOf(text)) ?? {} };
  }

  /** Gives every event of the server until it is gone; resolves when the stream has begun. */
  async listen(event: (text: string) => void): Promise<void> {
    const { signal } = this.#stopped;
    const answer = await fetch(`${this.#address}/event`, { headers: this.#authorised(), signal });
    const read = async () => {
      let rest = "";
      for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
        rest += Buffer.from(chunk).toString();
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("data:")) event(line.slice(5).trim());
      }
    };
    read().catch(() => {});
  }

  async stop(): Promise<Exit> {
    this.child.kill("SIGTERM");
    const exit = await within(this.child.exited, STOP_MS);
    this.child.kill("SIGKILL");
    return exit ?? (await this.child.exited);
  }

  #authorised(): Record<string, string> {
    return { authorization: `Basic ${Buffer.from(`opencode:${this.#password}`).toString("base64")}` };
  }
}

/** A port that was free a moment ago: for port 0 the agent takes its usual one. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
