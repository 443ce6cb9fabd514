import type { AgentctlError } from "../core/errors.ts";
import type { Notification, NotificationParams, Scope } from "../protocol/methods.ts";

/**
 * Who calls a method, however the call arrived: over a connection of the socket, or through another server. Handlers
 * know nothing else about the caller.
 */
export interface Caller {
  /** The scopes whose methods it may call; dispatch refuses other methods. */
  readonly scopes: readonly Scope[];
  /** The actor named in events, if the params do not name one. */
  readonly actor: string;
  /** The token given in `attempt/hello`. It authorises every later call of scope `attempt`. */
  token: string | null;
  /** Why every call is refused: the caller has another version. Null if calls are accepted. */
  refusal: AgentctlError | null;
  /** Aborted when the caller is gone and nobody reads a response. */
  readonly signal: AbortSignal;
  /** Sends the caller notifications. Null if it cannot receive them, as in a single HTTP request. */
  readonly listener: Listener | null;
}

/** A caller that stays connected and reads notifications. */
export interface Listener {
  /** How many times it has subscribed to events. */
  subscriptions: number;
  /** Sends a notification, or drops it if the caller is gone. */
  notify<N extends Notification>(method: N, params: NotificationParams<N>): void;
  /** Resolves when the caller has read enough for more to be sent, or is gone. */
  writable(): Promise<void>;
  /** Ends the connection, because it cannot be served any more. */
  end(): void;
}
