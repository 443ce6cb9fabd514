import { asObject, member, textOf } from "./json.ts";
import type { Json } from "./types.ts";

/** The error with which an agent answered a request. */
export class AgentRefused extends Error {
  override readonly name = "AgentRefused";
  readonly data: Json;

  constructor(method: string, error: Json) {
    super(messageOf(error) ?? `${method} was refused`);
    this.data = error;
  }
}

/** Returns the message of an error with its details: many messages are only "Internal error". */
export function messageOf({ message, data }: Json): string | undefined {
  const object = asObject(data);
  const details = textOf(object?.details) ?? textOf(object?.message) ?? textOf(data);
  const text = textOf(message);
  if (details === undefined || text === undefined || text.includes(details)) return text ?? details;
  return details.includes(text) ? details : `${text}: ${details}`;
}

/** Sends requests and responses to an agent over its pipes, as lines of JSON-RPC. */
export class Rpc {
  readonly #send: (text: string) => void;
  readonly #pending = new Map<
    number,
    { method: string; resolve: (result: Json) => void; reject: (error: Error) => void }
  >();
  readonly #frame: Json;
  #lastId = 0;

  /** `frame` holds members that are added to every line. */
  constructor(send: (text: string) => void, frame: Json = {}) {
    this.#send = send;
    this.#frame = frame;
  }

  /** Sends a request. Rejects with {@link AgentRefused}, or when the agent is gone. */
  call(method: string, params: Json): Promise<Json> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject });
      this.#line({ id, method, params });
    });
  }

  notify(method: string, params: Json): void {
    this.#line({ method, params });
  }

  answer(id: unknown, result: Json): void {
    this.#line({ id, result });
  }

  refuse(id: unknown, message: string): void {
    this.#line({ id, error: { code: -32601, message } });
  }

  /** Handles a response; returns false if the line is not a response. */
  handleResponse(line: Json): boolean {
    if (typeof line.id !== "number" || line.method !== undefined) return false;
    const pending = this.#pending.get(line.id);
    this.#pending.delete(line.id);
    const error = asObject(line.error);
    if (error) pending?.reject(new AgentRefused(pending.method, error));
    else pending?.resolve(member(line, "result"));
    return true;
  }

  /** Rejects all pending requests, because the agent is gone. */
  close(): void {
    for (const { reject, method } of this.#pending.values())
      reject(new Error(`the agent ended before it answered ${method}`));
    this.#pending.clear();
  }

  #line(line: Json): void {
    this.#send(`${JSON.stringify({ ...this.#frame, ...line })}\n`);
  }
}
