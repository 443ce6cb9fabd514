import type { Hook } from "../../core/hooks.ts";

/** What came back from a hook. `isFinal`: to try again is useless. */
export type Answer =
  | { ok: true; said: string; ms: number }
  | { ok: false; reason: string; said: string; ms: number; isFinal: boolean };

/** What is sent: `message` is the same at every try. */
export interface Message {
  message: string;
  body: string;
}

/** Sends a message to a hook. It never rejects, and ends within a minute. */
export type Send = (hook: Hook, message: Message, signal: AbortSignal) => Promise<Answer>;

/** After this long a hook that has not answered is ended. */
export const HOOK_LIMIT_MS = 60_000;

/** How much of what a hook says is kept, in characters. */
export const SAID_CHARS = 2000;
