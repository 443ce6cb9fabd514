import { Webhook } from "standardwebhooks";
import type { Clock } from "../../core/time.ts";
import { type Answer, HOOK_TIMEOUT_MS, MAX_OUTPUT_CHARS, type Message } from "./answer.ts";

/** "Gone": by the Standard Webhooks specification, the receiver wants no more messages. */
const STATUS_GONE = 410;

interface WebhookTarget {
  url: string;
  secret: string | null;
  clock: Clock;
  /** Headers that the receiver asked for, in addition to the usual ones. */
  headers?: Record<string, string>;
}

/**
 * Posts a message with the headers of the Standard Webhooks specification (`webhook-id`, `webhook-timestamp`, and with
 * a secret also `webhook-signature`). A status from 200 to 299 means success; redirects are not followed.
 */
export async function postWebhook(
  { url, secret, clock, headers = {} }: WebhookTarget,
  { message, body }: Message,
  signal: AbortSignal,
): Promise<Answer> {
  const startedAt = clock.mono();
  const ms = () => Math.round(clock.mono() - startedAt);
  const { address, credentials } = splitCredentials(url);
  try {
    const response = await fetch(address, {
      method: "POST",
      body,
      redirect: "manual",
      headers: {
        "content-type": "application/json",
        "user-agent": `agentctl/${__VERSION__}`,
        ...credentials,
        ...signedHeaders(secret, message, body, clock),
        ...headers,
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(HOOK_TIMEOUT_MS)]),
    });
    const bodyStart = await readStart(response);
    const details = { said: `${response.status} ${response.statusText}\n${bodyStart}`.trim(), ms: ms() };
    if (response.ok) return { ok: true, ...details };
    return {
      ok: false,
      reason: `${address} answered ${response.status}${redirectText(response)}`,
      isFinal: response.status === STATUS_GONE,
      ...details,
    };
  } catch (error) {
    return {
      ok: false,
      reason: `${address} did not answer: ${causeText(error)}`,
      said: "",
      ms: ms(),
      isFinal: false,
    };
  }
}

function redirectText({ status, headers }: Response): string {
  const location = status >= 300 && status < 400 ? headers.get("location") : null;
  return location === null ? "" : `, a redirect to ${location}, which is not followed: write the new address`;
}

/** Returns the address without user and password, which fetch refuses there, and the header that sends them instead. */
function splitCredentials(url: string): { address: string; credentials: Record<string, string> } {
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === "" && password === "") return { address: url, credentials: {} };
  Object.assign(parsed, { username: "", password: "" });
  // A % that escapes nothing stands for itself; all else is ASCII in a parsed address.
  const bytes = `${username}:${password}`.replace(/%[0-9a-f]{2}/gi, (escaped) =>
    String.fromCharCode(Number.parseInt(escaped.slice(1), 16)),
  );
  const authorization = `Basic ${Buffer.from(bytes, "latin1").toString("base64")}`;
  return { address: parsed.href, credentials: { authorization } };
}

function signedHeaders(
  secret: string | null,
  message: string,
  body: string,
  clock: Clock,
): Record<string, string> {
  const at = new Date(clock.now());
  const headers = { "webhook-id": message, "webhook-timestamp": String(Math.floor(at.getTime() / 1000)) };
  if (secret === null) return headers;
  // A secret that is not `whsec_` and base64 is used as raw text.
  const key = secret.startsWith("whsec_") ? new Webhook(secret) : new Webhook(secret, { format: "raw" });
  return { ...headers, "webhook-signature": key.sign(message, at, body) };
}

/** Returns the start of the response body, as much as is shown; the rest is not read. */
async function readStart(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= MAX_OUTPUT_CHARS) break;
  }
  return text.slice(0, MAX_OUTPUT_CHARS);
}

function causeText(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === "TimeoutError") return `no answer within ${HOOK_TIMEOUT_MS / 1000} s`;
  const text = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : "";
  return (text || message).trim();
}
