import type { Socket } from "node:net";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { isTooDeep, LineSplitter, MAX_DEPTH } from "../protocol/framing.ts";
import type { Notification, NotificationParams } from "../protocol/methods.ts";
import type { Caller, Listener } from "./caller.ts";
import type { Call, Dispatch } from "./dispatch.ts";
import { textOf } from "./shown/answer-text.ts";

/** So many bytes may wait for a peer that does not read; then nothing more of its requests is taken. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** So many of one peer's requests are worked on at once; more wait in the kernel's buffers. */
const MOST_REQUESTS = 4096;

/** Requests with large answers, of which so many of one peer are worked on at once. */
const LARGE: ReadonlySet<string> = new Set([
  "tasks/list",
  "tasks/get",
  "tasks/subscribe",
  "checkpoints/get",
  "attempt/hello",
]);
const MOST_LARGE = 8;

/** What follows a greeting is not begun before the greeting is answered. */
const GREETING = "daemon/hello";

/** How often a peer that sends nothing more is looked for: only what is written to it tells that it is gone. */
const LOOK_MS = 1000;

/** A call as it came, with what its answer is to name. */
interface Request extends Call {
  id: string | number | null | undefined;
}

/**
 * The daemon's end of one connection: lines in, lines out, with bounded memory whatever the peer does. What is not
 * a line of JSON of at most 16 MiB is answered with its error, and ends this connection alone.
 */
export class Connection implements Caller, Listener {
  /** Whoever may open the socket is the user, and a task of the user where it has a token. */
  readonly scopes = ["people", "attempt"] as const;
  readonly actor = "user";
  token: string | null = null;
  refusal: AgentctlError | null = null;
  subscriptions = 0;
  /** A peer that sends nothing more is not gone: it still waits for its answers. */
  readonly signal: AbortSignal;
  readonly listener: Listener = this;
  readonly #socket: Socket;
  readonly #dispatch: Dispatch;
  readonly #splitter = new LineSplitter();
  /** Lines that came while as many calls as allowed were under way; the socket is not read meanwhile. */
  #waiting: string[] = [];
  #running = 0;
  #large = 0;
  #isGreeting = false;
  /** It sent what cannot be read: nothing more of it is. */
  #isOver = false;
  /** The peer sends nothing more, as `nc` says at the end of its input: it is answered, then the connection is ended. */
  #heardAll = false;
  #look: NodeJS.Timeout | null = null;
  #drained: (() => void)[] = [];

  constructor(socket: Socket, dispatch: Dispatch) {
    this.#socket = socket;
    this.#dispatch = dispatch;
    const gone = new AbortController();
    this.signal = gone.signal;
    socket.on("data", (chunk: Buffer) => {
      try {
        this.#waiting.push(...this.#splitter.push(chunk));
      } catch (error) {
        this.#endWith((error as Error).message);
      }
      this.#takeOn();
    });
    socket.on("end", () => {
      this.#heardAll = true;
      this.#endWhenAnswered();
      this.#look = setInterval(() => this.#lookForPeer(), LOOK_MS).unref();
    });
    socket.on("drain", () => this.#relax());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#look) clearInterval(this.#look);
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

  /** Bytes of a line whose end has not come. */
  get waitingBytes(): number {
    return this.#splitter.waitingBytes;
  }

  /** Ends a connection that takes more than its part of the daemon's memory. */
  refuse(reason: string): void {
    this.#endWith(reason);
  }

  #takeOn(): void {
    const lines = this.#waiting;
    let taken = 0;
    while (taken < lines.length && !this.#isBusy() && !this.#isOver) this.#take(lines[taken++] as string);
    lines.splice(0, taken);
    if (lines.length > 0) this.#socket.pause();
  }

  #take(line: string): void {
    if (line.trim() === "") return;
    let message: unknown;
    try {
      message = parsed(line);
    } catch (error) {
      this.#endWith((error as Error).message);
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
    const large = LARGE.has(request.method) ? 1 : 0;
    this.#running++;
    this.#large += large;
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
      this.#large -= large;
      if (request.method === GREETING) setImmediate(() => this.#greeted());
      else this.#goOn();
    }
  }

  /** Only now it is known whether the peer was still there to be greeted. Of one that gave up nothing is done. */
  #greeted(): void {
    this.#isGreeting = false;
    if (this.#socket.destroyed) this.#waiting = [];
    this.#goOn();
  }

  #goOn(): void {
    this.#relax();
    this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    const isAnswered = this.#running === 0 && this.#waiting.length === 0 && this.subscriptions === 0;
    if (this.#heardAll && isAnswered) this.#socket.end();
  }

  /** Of a peer that has closed both sides no more is seen than of one that reads on, but it refuses even nothing. */
  #lookForPeer(): void {
    if (this.#socket.writable && this.#socket.writableLength === 0) this.#socket.write(Buffer.alloc(0));
  }

  #isBusy(): boolean {
    if (this.#isGreeting || this.#large >= MOST_LARGE) return true;
    return this.#running >= MOST_REQUESTS || this.#socket.writableLength >= MOST_UNREAD_BYTES;
  }

  #relax(): void {
    if (this.#isBusy()) return;
    this.#takeOn();
    if (this.#isBusy()) return;
    this.#socket.resume();
    for (const resume of this.#drained.splice(0)) resume();
  }

  #send(message: object): void {
    this.#write(JSON.stringify(message));
  }

  #write(line: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(`${line}\n`);
    if (this.#isBusy()) this.#socket.pause();
  }

  #endWith(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#send({ jsonrpc: "2.0", id: null, error: new AgentctlError("ParseError", { reason }).toWire() });
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.destroySoon();
  }
}

function parsed(line: string): unknown {
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
