import { connect, type Socket } from "node:net";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import type { Method, Notified, Params, Result } from "../protocol/methods.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { lastWords } from "./last-words.ts";

/**
 * A connection that survives the daemon. Calls that were not answered when it broke are sent again, in their order, once
 * the next daemon has taken the same token: each of them names what it changes (a journal key, a nonce), so that twice
 * sent is once done. It tries without a limit, because the task's work is worth more than any wait; only a host that was never
 * given a task gives up.
 *
 * The open socket, and between two sockets the timer, keep the process alive.
 */
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;
const STORE_BACKOFF_MS = 500;
/** A hello brings input, checkpoint and the whole journal in one line: far more than a request may be. */
const LONGEST_HELLO_BYTES = 400 * 1024 * 1024;

export type Hello = Result<"attempt/hello">;

export interface LinkOptions {
  socket: string;
  token: string;
  sdk: string;
  /** The attempt was superseded: it may do nothing more. */
  onStale: () => void;
  /** No daemon came for so long that a host without a task is of no use. */
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
  notified: (notified: Notified) => void;
  reconnected: (hello: Hello) => void;
}

/** Not repeated while the store is full: the caller has a better answer, or nobody waits for one. */
const onceOnly: ReadonlySet<Method> = new Set([
  "attempt/suspended",
  "attempt/progress",
  "attempt/artifact",
] as const);

export class Link {
  /** The first answer to `attempt/hello`: the task. */
  readonly hello: Promise<Hello>;
  readonly #options: LinkOptions;
  readonly #unanswered = new Set<Call>();
  readonly #early: Notified[] = [];
  #resolveHello!: (hello: Hello) => void;
  #assigned = false;
  #events: LinkEvents | undefined;
  #socket: Socket | undefined;
  #rpc: RpcClient | undefined;
  #isClosed = false;
  #backoffMs = FIRST_BACKOFF_MS;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.hello = new Promise((resolve) => {
      this.#resolveHello = resolve;
    });
    void this.#run();
  }

  /** Hands over what the daemon says from now on, and first what it said since the hello. */
  listen(events: LinkEvents): void {
    this.#events = events;
    for (const notified of this.#early.splice(0)) events.notified(notified);
  }

  /** Calls a method, across as many daemons as it takes; rejects only with what a daemon answered. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        method,
        params: params as never,
        resolve: resolve as (result: never) => void,
        reject,
      };
      this.#unanswered.add(call);
      this.#send(call);
    });
  }

  /** Says something that nothing depends on, to the daemon that is there now. */
  tell<M extends Method>(method: M, params: Params<M>): void {
    this.#rpc?.tell(method, params);
  }

  /** What was sent is in the kernel's hands, or the connection is gone. */
  get isFlushed(): boolean {
    const socket = this.#socket;
    return !this.#rpc || !socket || socket.destroyed || socket.writableLength === 0;
  }

  /** Resolves when it is so. */
  async flushed(): Promise<void> {
    if (!this.isFlushed) await new Promise<void>((resolve) => this.#socket?.write("", () => resolve()));
  }

  /** Makes a call from a process that is ending; lost when there is no daemon, as everything after it is. */
  sayLast<M extends Method>(method: M, params: Params<M>, withinMs: number): void {
    if (this.#rpc && this.#socket) lastWords(this.#socket, { method, params, withinMs });
  }

  /** Ends the connection for good; what is unanswered stays so. */
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
        (method, params) => this.#notified({ method, params } as Notified),
        LONGEST_HELLO_BYTES,
      );
      socket.once("connect", () => {
        lostAt = Number.POSITIVE_INFINITY;
      });
      await this.#serve(rpc);
      if (this.#isClosed) return;
      lostAt = Math.min(lostAt, systemClock.mono());
      if (this.#isAbandoned(lostAt)) return this.#options.onAbandoned?.();
      await new Promise((resolve) => setTimeout(resolve, this.#backoffMs));
      this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
    }
  }

  /** Until the connection is lost. An error other than StaleAttempt is a daemon that cannot serve yet. */
  async #serve(rpc: RpcClient): Promise<void> {
    try {
      const { token, sdk } = this.#options;
      const hello = await rpc.call("attempt/hello", { token, sdk });
      if (this.#isClosed) return;
      this.#rpc = rpc;
      this.#backoffMs = FIRST_BACKOFF_MS;
      for (const call of this.#unanswered) this.#send(call);
      if (this.#assigned) this.#events?.reconnected(hello);
      this.#assigned = true;
      this.#resolveHello(hello);
      await rpc.closed;
    } catch (error) {
      if (isNamed(error, "StaleAttempt")) this.#stale();
    } finally {
      this.#rpc = undefined;
      rpc.close();
    }
  }

  #isAbandoned(lostAt: number): boolean {
    const { abandonAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    return !this.#assigned && systemClock.mono() - lostAt > abandonAfterMs;
  }

  #send(call: Call): void {
    this.#rpc?.call(call.method, call.params).then(
      (result) => {
        if (this.#unanswered.delete(call)) call.resolve(result as never);
      },
      (error: AgentctlError) => this.#failed(call, error),
    );
  }

  #failed(call: Call, error: AgentctlError): void {
    if (isNamed(error, "DaemonUnreachable") || this.#isClosed) return;
    const waits = isNamed(error, "StoreUnavailable") && !onceOnly.has(call.method);
    if (isNamed(error, "StaleAttempt")) this.#stale();
    else if (waits) this.#sendLater(call);
    else if (this.#unanswered.delete(call)) call.reject(error);
  }

  /** A full disk ends no task: the call waits until the store takes it. */
  #sendLater(call: Call): void {
    const rpc = this.#rpc;
    setTimeout(() => {
      if (rpc === this.#rpc && this.#unanswered.has(call)) this.#send(call);
    }, STORE_BACKOFF_MS);
  }

  #stale(): void {
    this.close();
    this.#options.onStale();
  }

  #notified(notified: Notified): void {
    if (this.#events) this.#events.notified(notified);
    else this.#early.push(notified);
  }
}

function isNamed(error: unknown, name: AgentctlError["name"]): boolean {
  return error instanceof AgentctlError && error.name === name;
}
