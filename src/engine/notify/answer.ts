import type { Hook } from "../../core/hooks.ts";

/** The response of a hook. `isFinal` means that a retry is useless. */
export type Answer =
  | { ok: true; said: string; ms: number }
  | { ok: false; reason: string; said: string; ms: number; isFinal: boolean };

/** What is sent to a hook; `message` is the same for every try. */
export interface Message {
  message: string;
  body: string;
}

/** Sends a message to a hook. Never rejects, and takes at most a minute. */
export type Send = (hook: Hook, message: Message, signal: AbortSignal) => Promise<Answer>;

/** How long a hook may take before we end it, in ms. */
export const HOOK_TIMEOUT_MS = 60_000;

/** How much of a hook's output is stored, in characters. */
export const MAX_OUTPUT_CHARS = 2000;
