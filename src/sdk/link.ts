import { connect, type Socket } from "node:net";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import type { Method, Notified, Params, Result } from "../protocol/methods.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { sendLastCall } from "./last-call.ts";

/**
 * A connection that outlives the daemon. When the connection breaks, the calls without a response are sent again, in
 * order, once the next daemon has accepted the same token. Each call names what it changes (a journal key, a nonce), so
 * a call that is sent twice takes effect once. The link reconnects without a limit, because the task's work is worth
 * more than any wait. Only a host that never got a task gives up.
 *
 * The open socket keeps the process alive, and between two sockets the timer does.
 */
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;
const STORE_BACKOFF_MS = 500;
/** The response to a hello holds input, checkpoint and journal in one line: far more than a request may hold. */
const MAX_HELLO_BYTES = 400 * 1024 * 1024;

export type Hello = Result<"attempt/hello">;

export interface LinkOptions {
  socket: string;
  token: string;
  sdk: string;
  /** Called when another attempt has replaced this one, which must do nothing more. */
  onStale: () => void;
  /** Called when a host without a task has found no daemon for `abandonAfterMs`. */
  onAbandoned?: () => void;
  abandonAfterMs?: number;
}

interface Call {
  method: Method;
  params: never;
  resolve: (result: never) => void;
  reject: (error: AgentctlError) => void;
}

export interface LinkEvents {
  onNotification: (notification: Notified) => void;
  onReconnect: (hello: Hello) => void;
}

/** Not repeated while the store is full: the caller handles the error better, or nobody waits for the result. */
const unrepeatable: ReadonlySet<Method> = new Set([
  "attempt/suspended",
  "attempt/progress",
  "attempt/artifact",
] as const);

export class Link {
  /** The first response to `attempt/hello`, which holds the task. */
  readonly hello: Promise<Hello>;
  readonly #options: LinkOptions;
  readonly #pending = new Set<Call>();
  readonly #earlyNotifications: Notified[] = [];
  #resolveHello!: (hello: Hello) => void;
  #isAssigned = false;
  #events: LinkEvents | undefined;
  #socket: Socket | undefined;
  #rpc: RpcClient | undefined;
  #isClosed = false;
  #backoffMs = MIN_BACKOFF_MS;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.hello = new Promise((resolve) => {
      this.#resolveHello = resolve;
    });
    void this.#run();
  }

  /** Delivers the daemon's notifications from now on, after those that came since the hello. */
  listen(events: LinkEvents): void {
    this.#events = events;
    for (const notification of this.#earlyNotifications.splice(0)) events.onNotification(notification);
  }

  /** Calls a method, and repeats the call if the daemon restarts. Rejects only with an error that a daemon returned. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        method,
        params: params as never,
        resolve: resolve as (result: never) => void,
        reject,
      };
      this.#pending.add(call);
      this.#send(call);
    });
  }

  /** Sends a notification that nothing depends on. It is lost if no daemon is connected. */
  notify<M extends Method>(method: M, params: Params<M>): void {
    this.#rpc?.tell(method, params);
  }

  /** Whether the kernel has everything that was sent, or the connection is gone. */
  get isFlushed(): boolean {
    const socket = this.#socket;
    return !this.#rpc || !socket || socket.destroyed || socket.writableLength === 0;
  }

  /** Resolves when {@link isFlushed} is true. */
  async flush(): Promise<void> {
    if (!this.isFlushed) await new Promise<void>((resolve) => this.#socket?.write("", () => resolve()));
  }

  /** Makes a call from a process that is exiting. The call is lost if no daemon is connected. */
  sendLast<M extends Method>(method: M, params: Params<M>, withinMs: number): void {
    if (this.#rpc && this.#socket) sendLastCall(this.#socket, { method, params, withinMs });
  }

  /** Closes the connection for good. Calls without a response never settle. */
  close(): void {
    this.#isClosed = true;
    this.#rpc?.close();
    this.#socket?.destroy();
  }

  async #run(): Promise<void> {
    let lostAt = systemClock.mono();
    while (!this.#isClosed) {
      const socket = connect(this.#options.socket);
      this.#socket = socket;
      const rpc = new RpcClient(
        socket,
        (method, params) => this.#deliver({ method, params } as Notified),
        MAX_HELLO_BYTES,
      );
      socket.once("connect", () => {
        lostAt = Number.POSITIVE_INFINITY;
      });
      await this.#serve(rpc);
      if (this.#isClosed) return;
      lostAt = Math.min(lostAt, systemClock.mono());
      if (this.#isAbandoned(lostAt)) return this.#options.onAbandoned?.();
      await new Promise((resolve) => setTimeout(resolve, this.#backoffMs));
      this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  /** Serves calls until the connection is lost. Any error but StaleAttempt means that the daemon cannot serve yet. */
  async #serve(rpc: RpcClient): Promise<void> {
    try {
      const { token, sdk } = this.#options;
      const hello = await rpc.call("attempt/hello", { token, sdk });
      if (this.#isClosed) return;
      this.#rpc = rpc;
      this.#backoffMs = MIN_BACKOFF_MS;
      for (const call of this.#pending) this.#send(call);
      if (this.#isAssigned) this.#events?.onReconnect(hello);
      this.#isAssigned = true;
      this.#resolveHello(hello);
      await rpc.closed;
    } catch (error) {
      if (isNamed(error, "StaleAttempt")) this.#handleStale();
    } finally {
      this.#rpc = undefined;
      rpc.close();
    }
  }

  #isAbandoned(lostAt: number): boolean {
    const { abandonAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    return !this.#isAssigned && systemClock.mono() - lostAt > abandonAfterMs;
  }

  #send(call: Call): void {
    this.#rpc?.call(call.method, call.params).then(
      (result) => {
        if (this.#pending.delete(call)) call.resolve(result as never);
      },
      (error: AgentctlError) => this.#handleError(call, error),
    );
  }

  #handleError(call: Call, error: AgentctlError): void {
    if (isNamed(error, "DaemonUnreachable") || this.#isClosed) return;
    const shouldRetry = isNamed(error, "StoreUnavailable") && !unrepeatable.has(call.method);
    if (isNamed(error, "StaleAttempt")) this.#handleStale();
    else if (shouldRetry) this.#sendLater(call);
    else if (this.#pending.delete(call)) call.reject(error);
  }

  /** Sends a call again until the store accepts it, because a full disk must not end a task. */
  #sendLater(call: Call): void {
    const rpc = this.#rpc;
    setTimeout(() => {
      if (rpc === this.#rpc && this.#pending.has(call)) this.#send(call);
    }, STORE_BACKOFF_MS);
  }

  #handleStale(): void {
    this.close();
    this.#options.onStale();
  }

  #deliver(notification: Notified): void {
    if (this.#events) this.#events.onNotification(notification);
    else this.#earlyNotifications.push(notification);
  }
}

function isNamed(error: unknown, name: AgentctlError["name"]): boolean {
  return error instanceof AgentctlError && error.name === name;
}
