import { readFileSync } from "node:fs";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Home } from "./home.ts";

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Null for no token. Default: the token of the home. */
  token?: string | null;
}

/** The HTTP server of a home. */
export class Web {
  readonly base: string;
  readonly token: string;

  private constructor(base: string, token: string) {
    this.base = base;
    this.token = token;
  }

  /** Sets a free port as the daemon's HTTP address. Starts the daemon if needed. */
  static async open(home: Home): Promise<Web> {
    // Each home has a different port, so that no home takes the port of another whose daemon restarts.
    const { code, stderr } = await home.cli("config", "set", "http.listen", await freeAddress());
    if (code !== 0) throw new Error(`http.listen: ${stderr}`);
    const { http } = await home.json("daemon", "status");
    const token = readFileSync(join(home.dir, "http.token"), "utf8");
    return new Web(http.url.replace(/\/$/, ""), token);
  }

  async fetch(
    path: string,
    { token = this.token, headers = {}, method, body }: Asked = {},
  ): Promise<Response> {
    const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    return await fetch(`${this.base}${path}`, {
      ...(method ? { method } : {}),
      ...(body === undefined ? {} : { body: body as string }),
      headers: { ...authorization, ...headers },
      redirect: "manual",
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read what the server answers
  async json(path: string, asked: Asked = {}): Promise<{ status: number; body: any }> {
    const answer = await this.fetch(path, asked);
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
  }

  /** Sends one message to `/rpc`. A string is sent as it is. */
  // biome-ignore lint/suspicious/noExplicitAny: as in `json`
  async call(message: unknown): Promise<any> {
    const body = typeof message === "string" ? message : JSON.stringify(message);
    return (await this.json("/rpc", { method: "POST", body })).body;
  }

  /** Calls a method and returns its result. Throws its error. */
  // biome-ignore lint/suspicious/noExplicitAny: as in `json`
  async rpc(method: string, params: object): Promise<any> {
    const { result, error } = await this.call({ jsonrpc: "2.0", id: 1, method, params });
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  /** Opens a connection, sends this text and keeps the connection open. */
  async hold(text: string): Promise<Socket> {
    const socket = createConnection(Number(new URL(this.base).port), "127.0.0.1");
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.write(text, () => resolve()));
    return socket;
  }

  /** Sends this text and returns the first data of the response. */
  async raw(text: string): Promise<string> {
    const socket = await this.hold(text);
    const answer = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.destroy();
    return answer.toString();
  }
}

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

interface ServerSent {
  id: number;
  // biome-ignore lint/suspicious/noExplicitAny: as in `json`
  data: any;
}

/** Follows server-sent events. `events` grows until `end`. */
export async function eventsAt(
  web: Web,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ events: ServerSent[]; end: () => void }> {
  const gone = new AbortController();
  const answer = await fetch(`${web.base}${path}`, {
    headers: { authorization: `Bearer ${web.token}`, ...headers },
    signal: gone.signal,
  });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  const events: ServerSent[] = [];
  void read(answer, events).catch(() => undefined);
  return { events, end: () => gone.abort() };
}

async function read(answer: Response, events: ServerSent[]): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      if (data !== undefined) events.push({ id: Number(field("id")), data: JSON.parse(data) });
    }
  }
}
