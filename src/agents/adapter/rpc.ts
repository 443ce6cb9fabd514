import { asObject, member, textOf } from "./json.ts";
import type { Json } from "./types.ts";

/** An agent answered a request with an error. */
export class AgentRefused extends Error {
  override readonly name = "AgentRefused";
  readonly data: Json;

  constructor(method: string, error: Json) {
    super(saidOf(error) ?? `${method} was refused`);
    this.data = error;
  }
}

/** What an error says, with its details: the message of many is no more than "Internal error". */
export function saidOf({ message, data }: Json): string | undefined {
  const told = asObject(data);
  const details = textOf(told?.details) ?? textOf(told?.message) ?? textOf(data);
  const said = textOf(message);
  if (details === undefined || said === undefined || said.includes(details)) return said ?? details;
  return details.includes(said) ? details : `${said}: ${details}`;
}

/** Requests and answers as lines of JSON-RPC on the pipes of an agent. */
export class Rpc {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<
    number,
    { method: string; resolve: (result: Json) => void; reject: (error: Error) => void }
  >();
  readonly #frame: Json;
  #last = 0;

  /** `frame` holds the members that every line has beside its own. */
  constructor(send: (text: string) => void, frame: Json = {}) {
    this.#send = send;
    this.#frame = frame;
  }

  /** Rejects with {@link AgentRefused}, or when the agent is gone. */
  call(method: string, params: Json): Promise<Json> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#line({ id, method, params });
    });
  }

  tell(method: string, params: Json): void {
    this.#line({ method, params });
  }

  answer(id: unknown, result: Json): void {
    this.#line({ id, result });
  }

  refuse(id: unknown, message: string): void {
    this.#line({ id, error: { code: -32601, message } });
  }

  /** Takes an answer; false for what is none. */
  take(line: Json): boolean {
    if (typeof line.id !== "number" || line.method !== undefined) return false;
    const waiting = this.#waiting.get(line.id);
    this.#waiting.delete(line.id);
    const error = asObject(line.error);
    if (error) waiting?.reject(new AgentRefused(waiting.method, error));
    else waiting?.resolve(member(line, "result"));
    return true;
  }

  /** The agent is gone: nothing is answered any more. */
  close(): void {
    for (const { reject, method } of this.#waiting.values())
      reject(new Error(`the agent ended before it answered ${method}`));
    this.#waiting.clear();
  }

  #line(line: Json): void {
    this.#send(`${JSON.stringify({ ...this.#frame, ...line })}\n`);
  }
}
