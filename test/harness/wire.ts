import { connect, type Socket } from "node:net";
import { PATIENCE_MS, until } from "./until.ts";

/** An error response of the daemon. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: Record<string, unknown>;
  constructor(method: string, error: { code: number; message: string; data?: Record<string, unknown> }) {
    super(`${method}: ${error.message} (${error.code})`);
    this.code = error.code;
    this.data = error.data ?? {};
  }
}

/** One line from the daemon. */
export interface Message {
  id?: number | string | null;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  result?: any;
  error?: { code: number; message: string; data?: Record<string, unknown> };
}

/** A raw connection to a daemon's socket, as with `nc -U`: it hides nothing and retries nothing. */
export class Wire {
  readonly socket: Socket;
  /** Messages that have arrived and were not read, in order. */
  readonly inbox: Message[] = [];
  isClosed = false;
  #rest = "";
  #id = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("close", () => {
      this.isClosed = true;
    });
    socket.on("error", () => undefined);
  }

  /** Opens a connection. Rejects with the system's error if nobody listens there. */
  static async open(path: string): Promise<Wire> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Wire(socket);
  }

  /** Sends a string as it is, and anything else as one line of JSON. */
  send(line: string | object): void {
    this.socket.write(typeof line === "string" ? line : `${JSON.stringify(line)}\n`);
  }

  /** Returns the next message that fits, even if others arrived before it. */
  async read(fits: (message: Message) => boolean = () => true, deadlineMs = PATIENCE_MS): Promise<Message> {
    const at = await until(
      () => {
        const index = this.inbox.findIndex(fits);
        if (index < 0 && this.isClosed) return -1;
        return index < 0 ? undefined : index + 1;
      },
      { deadlineMs, everyMs: 5, message: "a message from the daemon" },
    );
    const [message] = at > 0 ? this.inbox.splice(at - 1, 1) : [];
    if (!message) throw new Error("the daemon closed the connection");
    return message;
  }

  /** Sends one request and returns its result. Throws RpcError if it is refused. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  async request(method: string, params: object = {}, deadlineMs = PATIENCE_MS): Promise<any> {
    this.#id += 1;
    const id = `request ${this.#id}`;
    this.send({ jsonrpc: "2.0", id, method, params });
    const answer = await this.read((message) => message.id === id, deadlineMs);
    if (answer.error) throw new RpcError(method, answer.error);
    return answer.result;
  }

  close(): void {
    this.socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.inbox.push(JSON.parse(line));
  }
}
