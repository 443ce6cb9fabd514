import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { Child, within } from "../adapter/child.ts";
import { AgentFailed } from "../adapter/failed.ts";
import { asObject, objectOf } from "../adapter/json.ts";
import type { AgentRun, Exit, Json } from "../adapter/types.ts";

/** How long the start of a server may take, in ms. We saw more than a minute on an overloaded machine. */
const START_MS = 300_000;
const STOP_MS = 5000;

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

  /** Sends a request. Resolves with the status and body of the response; rejects when the server is gone. */
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

  /** Calls `event` with each event until the server is gone. Resolves when the stream is open. */
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

/** Returns a port that was free when we checked. Port 0 does not work: with it, opencode takes its usual port. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
