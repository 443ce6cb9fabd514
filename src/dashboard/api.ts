import type { EventJson, Method, Params, Result } from "../protocol/methods.ts";

/** An error from a method, or from the connection to it. */
export class Failure extends Error {
  readonly hint: string | null;
  /** The browser has no cookie, or an old one. */
  readonly isSignedOut: boolean;

  constructor(message: string, hint: string | null = null, isSignedOut = false) {
    super(message);
    this.hint = hint;
    this.isSignedOut = isSignedOut;
  }
}

/** Calls a method of the daemon. */
export async function rpc<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
  const response = await fetch("/rpc", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  if (response.status === 401) throw new Failure("this browser is not signed in", "agentctl ui", true);
  const body = (await response.json()) as { result?: Result<M>; error?: WireError };
  if (body.error) throw new Failure(body.error.message, body.error.data?.hint ?? body.error.hint ?? null);
  return body.result as Result<M>;
}

interface WireError {
  message: string;
  hint?: string | null;
  data?: { hint?: string | null };
}

/**
 * Calls `onEvent` for each event from now on. Reconnects after the daemon was gone. Returns a function that ends this.
 */
export function follow(onEvent: (event: EventJson) => void, onLink: (isUp: boolean) => void): () => void {
  const source = new EventSource("/events");
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let end = () => source.close();
  source.onopen = () => onLink(true);
  source.onmessage = ({ data }) => onEvent(JSON.parse(data as string) as EventJson);
  source.onerror = () => {
    onLink(false);
    // If the daemon is gone for long, the browser stops reconnecting, so we reconnect.
    if (source.readyState !== EventSource.CLOSED || retryTimer) return;
    retryTimer = setTimeout(() => {
      end = follow(onEvent, onLink);
    }, 2000);
  };
  return () => {
    if (retryTimer) clearTimeout(retryTimer);
    source.close();
    end();
  };
}
