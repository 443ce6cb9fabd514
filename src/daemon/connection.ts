import type { Socket } from "node:net";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { isTooDeep, LineSplitter, MAX_DEPTH } from "../protocol/framing.ts";
import type { Notification, NotificationParams } from "../protocol/methods.ts";
import type { Caller, Listener } from "./caller.ts";
import type { Call, Dispatch } from "./dispatch.ts";
import { textOf } from "./views/answer-text.ts";

/** How many bytes may wait for a peer that does not read. Beyond that, its requests are not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** How many requests of one peer are processed at once. More wait in the kernel's buffers. */
const MAX_REQUESTS = 4096;

/** Requests with large responses. At most `MAX_LARGE_REQUESTS` of one peer are processed at once. */
const LARGE_METHODS: ReadonlySet<string> = new Set([
  "tasks/list",
  "tasks/get",
  "tasks/subscribe",
  "checkpoints/get",
  "attempt/hello",
]);
const MAX_LARGE_REQUESTS = 8;

/** Requests after a greeting wait until the greeting is answered. */
const GREETING = "daemon/hello";

/** How often we check for a peer that has stopped sending, in ms. Only a write reveals that it is gone. */
const PEER_CHECK_MS = 1000;

/** A call as received, with the id for its response. */
interface Request extends Call {
  id: string | number | null | undefined;
}

/**
 * The daemon's end of one connection: lines in, lines out. Its memory is bounded, no matter what the peer does. Input
 * that is not a line of JSON of at most 16 MiB gets an error in response, and ends only this connection.
 */
export class Connection implements Caller, Listener {
  /** Anyone who can open the socket is the user, or a task of the user if it has a token. */
  readonly scopes = ["people", "attempt"] as const;
  readonly actor = "user";
  token: string | null = null;
  refusal: AgentctlError | null = null;
  subscriptions = 0;
  /** Aborted when the connection closes. A peer that has stopped sending is not gone: it still waits for responses. */
  readonly signal: AbortSignal;
  readonly listener: Listener = this;
  readonly #socket: Socket;
  readonly #dispatch: Dispatch;
  readonly #splitter = new LineSplitter();
  /** Lines received while the maximum number of calls was running. The socket is not read meanwhile. */
  #waitingLines: string[] = [];
  #running = 0;
  #runningLarge = 0;
  #isGreeting = false;
  /** The peer sent something unreadable. The rest of its input is ignored. */
  #isRefused = false;
  /** The peer has stopped sending, as `nc` does at the end of its input. It is answered, then the connection ends. */
  #hasInputEnded = false;
  #peerCheck: NodeJS.Timeout | null = null;
  #drainWaiters: (() => void)[] = [];

  constructor(socket: Socket, dispatch: Dispatch) {
    this.#socket = socket;
    this.#dispatch = dispatch;
    const closed = new AbortController();
    this.signal = closed.signal;
    socket.on("data", (chunk: Buffer) => {
      try {
        this.#waitingLines.push(...this.#splitter.push(chunk));
      } catch (error) {
        this.#endWithError((error as Error).message);
      }
      this.#processLines();
    });
    socket.on("end", () => {
      this.#hasInputEnded = true;
      this.#endWhenAnswered();
      this.#peerCheck = setInterval(() => this.#probePeer(), PEER_CHECK_MS).unref();
    });
    socket.on("drain", () => this.#resumeReading());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#peerCheck) clearInterval(this.#peerCheck);
      closed.abort();
      for (const resume of this.#drainWaiters.splice(0)) resume();
    });
  }

  /** Sends a notification, or drops it if the peer is gone. */
  notify<N extends Notification>(method: N, params: NotificationParams<N>): void {
    this.#send({ jsonrpc: "2.0", method, params });
  }

  /** Resolves when the peer has read enough for more to be sent, or is gone. */
  async writable(): Promise<void> {
    if (this.signal.aborted || this.#socket.writableLength < MAX_UNREAD_BYTES) return;
    await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
  }

  end(): void {
    this.#socket.destroySoon();
  }

  /** How many bytes of an unfinished line are buffered. */
  get waitingBytes(): number {
    return this.#splitter.waitingBytes;
  }

  /** Ends a connection that takes more than its share of the daemon's memory. */
  refuse(reason: string): void {
    this.#endWithError(reason);
  }

  #processLines(): void {
    const lines = this.#waitingLines;
    let count = 0;
    while (count < lines.length && !this.#isBusy() && !this.#isRefused)
      this.#processLine(lines[count++] as string);
    lines.splice(0, count);
    if (lines.length > 0) this.#socket.pause();
  }

  #processLine(line: string): void {
    if (line.trim() === "") return;
    let message: unknown;
    try {
      message = parse(line);
    } catch (error) {
      this.#endWithError((error as Error).message);
      return;
    }
    const request = requestOf(message);
    if (request instanceof AgentctlError) {
      this.#send({ jsonrpc: "2.0", id: idOf(message), error: request.toWire() });
      return;
    }
    void this.#handle(request);
  }

  async #handle(request: Request): Promise<void> {
    const large = LARGE_METHODS.has(request.method) ? 1 : 0;
    this.#running++;
    this.#runningLarge += large;
    this.#isGreeting = request.method === GREETING;
    if (this.#isBusy()) this.#socket.pause();
    try {
      const result = await this.#dispatch(request, this);
      if (request.id !== undefined)
        this.#write(`{"jsonrpc":"2.0","id":${JSON.stringify(request.id)},"result":${textOf(result)}}`);
    } catch (error) {
      const wire = asAgentctlError(error).toWire();
      if (request.id !== undefined) this.#send({ jsonrpc: "2.0", id: request.id, error: wire });
    } finally {
      this.#running--;
      this.#runningLarge -= large;
      if (request.method === GREETING) setImmediate(() => this.#finishGreeting());
      else this.#continue();
    }
  }

  /** Only now do we know whether the peer was still there. If it has gone, its other requests are dropped. */
  #finishGreeting(): void {
    this.#isGreeting = false;
    if (this.#socket.destroyed) this.#waitingLines = [];
    this.#continue();
  }

  #continue(): void {
    this.#resumeReading();
    this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    const isAnswered = this.#running === 0 && this.#waitingLines.length === 0 && this.subscriptions === 0;
    if (this.#hasInputEnded && isAnswered) this.#socket.end();
  }

  /** A fully closed peer looks like a half-closed one until we write. An empty write fails for the former. */
  #probePeer(): void {
    if (this.#socket.writable && this.#socket.writableLength === 0) this.#socket.write(Buffer.alloc(0));
  }

  #isBusy(): boolean {
    if (this.#isGreeting || this.#runningLarge >= MAX_LARGE_REQUESTS) return true;
    return this.#running >= MAX_REQUESTS || this.#socket.writableLength >= MAX_UNREAD_BYTES;
  }

  #resumeReading(): void {
    if (this.#isBusy()) return;
    this.#processLines();
    if (this.#isBusy()) return;
    this.#socket.resume();
    for (const resume of this.#drainWaiters.splice(0)) resume();
  }

  #send(message: object): void {
    this.#write(JSON.stringify(message));
  }

  #write(line: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(`${line}\n`);
    if (this.#isBusy()) this.#socket.pause();
  }

  #endWithError(reason: string): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#waitingLines = [];
    this.#send({ jsonrpc: "2.0", id: null, error: new AgentctlError("ParseError", { reason }).toWire() });
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.destroySoon();
  }
}

function parse(line: string): unknown {
  if (isTooDeep(line)) throw new Error(`it is nested deeper than ${MAX_DEPTH}`);
  return JSON.parse(line);
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
