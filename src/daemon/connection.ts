import type { Socket } from "node:net";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { LineSplitter } from "../protocol/framing.ts";
import type { Notification, NotificationParams } from "../protocol/methods.ts";

/** So many bytes may wait for a peer that does not read; then nothing more of its requests is taken. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** So many of one peer's requests are worked on at once; more wait in the kernel's buffers. */
const MOST_REQUESTS = 4096;

/** A request as it came: its form is checked, its method and params are not. */
export interface Request {
  id: string | number | null | undefined;
  method: string;
  params: unknown;
}

/**
 * The daemon's end of one connection: lines in, lines out, with bounded memory whatever the peer does. What is not
 * a line of JSON of at most 16 MiB is answered with its error, and ends this connection alone.
 */
export class Connection {
  /** The token that `attempt/hello` gave; authorises every later call. */
  token: string | null = null;
  /** Aborted when the peer is gone, or sends nothing more and waits only for its answers. */
  readonly signal: AbortSignal;
  readonly #socket: Socket;
  readonly #serve: (request: Request, connection: Connection) => Promise<unknown>;
  #running = 0;
  /** The peer sends nothing more, as `nc` says at the end of its input: it is answered, then the connection is ended. */
  #heardAll = false;
  #drained: (() => void)[] = [];

  constructor(socket: Socket, serve: (request: Request, connection: Connection) => Promise<unknown>) {
    this.#socket = socket;
    this.#serve = serve;
    const gone = new AbortController();
    this.signal = gone.signal;
    const splitter = new LineSplitter();
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const line of splitter.push(chunk)) this.#take(line);
      } catch (error) {
        this.#endWith(new AgentctlError("ParseError", { reason: (error as Error).message }));
      }
    });
    socket.on("end", () => {
      this.#heardAll = true;
      gone.abort();
      this.#endWhenAnswered();
    });
    socket.on("drain", () => this.#relax());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      gone.abort();
      for (const resume of this.#drained.splice(0)) resume();
    });
  }

  /** Sends a notification; it is dropped when the peer is gone. */
  notify<N extends Notification>(method: N, params: NotificationParams<N>): void {
    this.#send({ jsonrpc: "2.0", method, params });
  }

  /** Resolves when the peer has read enough for more to be sent, or is gone. */
  async writable(): Promise<void> {
    if (this.signal.aborted || this.#socket.writableLength < MOST_UNREAD_BYTES) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  end(): void {
    this.#socket.destroySoon();
  }

  #take(line: string): void {
    if (line.trim() === "") return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch (error) {
      this.#endWith(new AgentctlError("ParseError", { reason: (error as Error).message }));
      return;
    }
    const request = requestOf(message);
    if (request instanceof AgentctlError) {
      this.#send({ jsonrpc: "2.0", id: idOf(message), error: request.toWire() });
      return;
    }
    void this.#work(request);
  }

  async #work(request: Request): Promise<void> {
    this.#running++;
    if (this.#isBusy()) this.#socket.pause();
    try {
      const result = await this.#serve(request, this);
      if (request.id !== undefined) this.#send({ jsonrpc: "2.0", id: request.id, result });
    } catch (error) {
      const wire = asAgentctlError(error).toWire();
      if (request.id !== undefined) this.#send({ jsonrpc: "2.0", id: request.id, error: wire });
    } finally {
      this.#running--;
      this.#relax();
      this.#endWhenAnswered();
    }
  }

  #endWhenAnswered(): void {
    if (this.#heardAll && this.#running === 0) this.#socket.end();
  }

  #isBusy(): boolean {
    return this.#running >= MOST_REQUESTS || this.#socket.writableLength >= MOST_UNREAD_BYTES;
  }

  #relax(): void {
    if (this.#isBusy()) return;
    this.#socket.resume();
    for (const resume of this.#drained.splice(0)) resume();
  }

  #send(message: object): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(`${JSON.stringify(message)}\n`);
    if (this.#isBusy()) this.#socket.pause();
  }

  #endWith(error: AgentctlError): void {
    this.#send({ jsonrpc: "2.0", id: null, error: error.toWire() });
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.destroySoon();
  }
}

function requestOf(message: unknown): Request | AgentctlError {
  if (Array.isArray(message)) return new AgentctlError("InvalidRequest", { reason: "batches are not taken" });
  if (typeof message !== "object" || message === null) return new AgentctlError("InvalidRequest", {});
  const { jsonrpc, id, method, params = {} } = message as Record<string, unknown>;
  if (jsonrpc !== "2.0") return new AgentctlError("InvalidRequest", { reason: 'jsonrpc must be "2.0"' });
  if (typeof method !== "string")
    return new AgentctlError("InvalidRequest", { reason: "method must be a string" });
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number") {
    return new AgentctlError("InvalidRequest", { reason: "id must be a string or a number" });
  }
  return { id, method, params };
}

function idOf(message: unknown): string | number | null {
  const id = (message as { id?: unknown } | null)?.id;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
