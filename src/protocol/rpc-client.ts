import type { Socket } from "node:net";
import { AgentctlError } from "../core/errors.ts";
import { LineSplitter, MAX_LINE_BYTES } from "./framing.ts";
import type { Method, Notification, NotificationParams, Params, Result } from "./methods.ts";

interface Pending {
  resolve: (result: never) => void;
  reject: (error: AgentctlError) => void;
}

/**
 * The calling end of a connection. It matches responses to calls and passes notifications on. When the connection
 * closes, it rejects all pending calls with the same error.
 */
export class RpcClient {
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<AgentctlError>;
  /** The id of the daemon's home; undefined until the daemon has answered the greeting. */
  home: string | undefined;
  /** Maps each error before it is reported. For a daemon elsewhere, it adds where that daemon is. */
  mapError: (error: AgentctlError) => AgentctlError = (error) => error;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #onNotification: (method: Notification, params: unknown) => void;
  #next = 1;
  #reason: AgentctlError | undefined;
  #settle!: (reason: AgentctlError) => void;

  /** Accepts lines of up to `maxLineBytes` bytes. */
  constructor(
    socket: Socket,
    onNotification: (method: Notification, params: unknown) => void = () => {},
    maxLineBytes = MAX_LINE_BYTES,
  ) {
    this.#socket = socket;
    this.#onNotification = onNotification;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const splitter = new LineSplitter(maxLineBytes);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const line of splitter.push(chunk)) this.#receive(line);
      } catch (error) {
        this.close(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close("the connection was closed"));
  }

  /**
   * Calls a method. Rejects with the daemon's error, or with `DaemonUnreachable` when the connection closes first. A
   * request that is longer than a line may be is not sent: rejects with `InvalidParams`.
   */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    if (this.#reason) return Promise.reject(this.#reason);
    const id = this.#next++;
    const line = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const error = tooLongError(method, line);
    if (error) return Promise.reject(error);
    return new Promise<Result<M>>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: never) => void, reject });
      this.#socket.write(`${line}\n`);
    });
  }

  /** Calls a method as a notification, which gets no response. */
  tell<M extends Method>(method: M, params: Params<M>): void {
    if (!this.#reason) this.#socket.write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
  }

  /** Closes the connection and rejects every pending call with `reason`. */
  close(reason: string | AgentctlError = "the connection was closed"): void {
    if (this.#reason) return;
    this.#reason = this.mapError(typeof reason === "string" ? this.#closedError(reason) : reason);
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(this.#reason);
    this.#pending.clear();
    this.#settle(this.#reason);
  }

  /** Whether a call still waits for its response. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  #closedError(reason: string): AgentctlError {
    const unanswered = {
      reason: `${reason} before the answer, so the request may have been carried out`,
      hint: "agentctl list shows how things stand",
    };
    return new AgentctlError("DaemonUnreachable", this.isWaiting ? unanswered : { reason });
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  /** Keeps the process alive while the connection is open. */
  ref(): void {
    this.#socket.ref();
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as {
      id?: number | null;
      method?: string;
      params?: unknown;
      result?: unknown;
      error?: { code: number; message: string; data?: unknown };
    };
    if (message.method !== undefined) {
      this.#onNotification(
        message.method as Notification,
        message.params as NotificationParams<Notification>,
      );
      return;
    }
    const pending = this.#pending.get(message.id as number);
    if (!pending) return;
    this.#pending.delete(message.id as number);
    if (message.error) pending.reject(this.mapError(AgentctlError.fromWire(message.error)));
    else pending.resolve(message.result as never);
  }
}

/** Returns an error for a line that is too long: the daemon would close the connection, and end every other call. */
function tooLongError(method: Method, line: string): AgentctlError | undefined {
  // No UTF-16 code unit takes more than three bytes in UTF-8.
  if (line.length * 3 <= MAX_LINE_BYTES) return undefined;
  const bytes = Buffer.byteLength(line);
  if (bytes <= MAX_LINE_BYTES) return undefined;
  const limit = MAX_LINE_BYTES / 1024 / 1024;
  const reason = `it is ${bytes} bytes long as one line of JSON, and the longest is ${limit} MiB (${MAX_LINE_BYTES} bytes)`;
  return new AgentctlError(
    "InvalidParams",
    { field: method, reason, limit: MAX_LINE_BYTES },
    {
      message: `this is too much for one call: ${reason}`,
      hint: "put it into a file and pass its path on, or split it",
    },
  );
}
