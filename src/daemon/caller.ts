import type { AgentctlError } from "../core/errors.ts";
import type { Notification, NotificationParams, Scope } from "../protocol/methods.ts";

/**
 * Who calls a method, whichever way the call came in: a connection of the socket, or what another server lets in. Handlers
 * know no more of it than this.
 */
export interface Caller {
  /** The methods that it may call, by their scope; dispatch refuses the others. */
  readonly scopes: readonly Scope[];
  /** Who acts, in events, where the params do not say. */
  readonly actor: string;
  /** The token that `attempt/hello` gave; authorises every later call of scope `attempt`. */
  token: string | null;
  /** Why nothing of it is carried out: it is of another version. */
  refusal: AgentctlError | null;
  /** Aborted when the caller is gone and nobody reads an answer. */
  readonly signal: AbortSignal;
  /** How it is told something unasked; null where it cannot be, such as by the answer to one HTTP request. */
  readonly listener: Listener | null;
}

/** A caller that stays, and reads what it is told unasked. */
export interface Listener {
  /** How often it has subscribed to events. */
  subscriptions: number;
  /** Sends a notification; it is dropped when the caller is gone. */
  notify<N extends Notification>(method: N, params: NotificationParams<N>): void;
  /** Resolves when the caller has read enough for more to be sent, or is gone. */
  writable(): Promise<void>;
  /** Ends it, because it cannot be served any more. */
  end(): void;
}
