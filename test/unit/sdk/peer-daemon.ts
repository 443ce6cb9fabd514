import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentctlError } from "../../../src/core/errors.ts";
import { LineSplitter } from "../../../src/protocol/framing.ts";
import type { JournalEntry } from "../../../src/protocol/methods.ts";

/** One request as it arrived. */
export interface Request {
  method: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  params: any;
}

type Answer = (request: Request) => unknown;

interface Saved {
  seq: number;
  base: number;
  data: string;
}

/**
 * The daemon's end of a real socket. It keeps the journal in memory as the protocol promises, responds in order, and
 * can be killed and started again. A test reads `requests`, sets responses with `answers`, and `stall` withholds them.
 */
export class PeerDaemon {
  readonly dir = mkdtempSync(join(tmpdir(), "agentctl-sdk-"));
  readonly socket = join(this.dir, "daemon.sock");
  readonly requests: Request[] = [];
  readonly answers = new Map<string, Answer>();
  readonly journal: JournalEntry[] = [];
  readonly checkpoints: Saved[] = [];
  readonly nonces = new Map<string, number>();
  messages: string[] = [];
  module: { path: string; input: unknown; env?: Record<string, string> } | undefined;
  /** The file in which attempts themselves make brief steps durable; undefined for none. */
  stepFile: { path: string; key: string } | undefined;
  pausing = false;
  attempt = 1;
  maxBytes = 8 * 1024 * 1024;
  isAssigned = true;
  /** The delay of every response, in ms. */
  delayMs: number | undefined;
  question: { n: number; base: number; call: number; alone: boolean } | undefined;
  result: unknown;
  #seq = 0;
  #stalled = new Set<string>();
  #server: Server | undefined;
  #sockets = new Set<Socket>();

  async start(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
  }

  /** Acts like SIGKILL: breaks every connection, and keeps the journal. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
    rmSync(this.socket, { force: true });
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** Lets the method's requests take effect without a response, as when the daemon dies in between. */
  stall(method: string): void {
    this.#stalled.add(method);
  }

  unstall(): void {
    this.#stalled.clear();
  }

  notify(method: string, params: object): void {
    for (const socket of this.#sockets) write(socket, { jsonrpc: "2.0", method, params });
  }

  /** Answers the open question, as a person would. */
  answer(text: string): void {
    const question = this.question;
    if (!question) throw new Error("no question is open");
    this.#keep({ kind: "ask", name: "ask", ...question, value: text });
    this.question = undefined;
    this.notify("attempt/answer", { n: question.n, base: question.base, answer: text });
  }

  /** Returns the parameters of every request of this method, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  sent(method: string): any[] {
    return this.requests.filter((request) => request.method === method).map(({ params }) => params);
  }

  /** The names of journaled steps in the order of their acknowledgements. */
  get steps(): string[] {
    return this.journal.filter(({ kind }) => kind === "step").map(({ name }) => name);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const splitter = new LineSplitter();
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.#request(socket, JSON.parse(line));
    });
  }

  #request(socket: Socket, { id, method, params }: Request & { id: number }): void {
    this.requests.push({ method, params });
    if (method === "attempt/hello" && !this.isAssigned) return;
    try {
      const result = (this.answers.get(method) ?? ((request) => this.#answer(request)))({ method, params });
      if (this.#stalled.has(method)) return;
      const answer = () => write(socket, { jsonrpc: "2.0", id, result });
      if (this.delayMs === undefined) answer();
      else setTimeout(answer, this.delayMs);
    } catch (error) {
      if (!(error instanceof AgentctlError)) throw error;
      write(socket, { jsonrpc: "2.0", id, error: error.toWire() });
    }
  }

  #answer({ method, params }: Request): unknown {
    switch (method) {
      case "attempt/hello":
        return this.#hello();
      case "attempt/checkpoint":
        return { seq: this.#checkpoint(params) };
      case "attempt/step":
        return params.started !== undefined ? {} : this.#step(params);
      case "attempt/sleep":
        return { until: this.#sleep(params) };
      case "attempt/ask":
        return { answer: this.#ask(params) };
      case "attempt/messages":
        return { messages: this.#take(params) };
      case "attempt/suspended":
        return this.#suspended(params);
      case "attempt/result":
        this.result = params;
        return {};
      case "attempt/artifact":
        return { artifact: { name: params.name, size: 0, sha256: "", createdAt: "", path: params.path } };
      default:
        return {};
    }
  }

  #hello() {
    const { path = "", input = null, env = {} } = this.module ?? {};
    return {
      id: 7,
      uuid: "0",
      name: null,
      attempt: this.attempt,
      dir: this.dir,
      maxBytes: this.maxBytes,
      pausing: this.pausing,
      checkpoint: this.checkpoints.at(-1) ?? null,
      module: { path, input, cwd: this.dir, env, journal: this.journal, steps: this.stepFile },
    };
  }

  #find({ kind, name, n, base }: Pick<JournalEntry, "kind" | "name" | "n" | "base">) {
    return this.journal.find(
      (entry) => entry.kind === kind && entry.name === name && entry.n === n && entry.base === base,
    );
  }

  #keep(entry: JournalEntry): JournalEntry {
    const there = this.#find(entry);
    if (!there) this.journal.push(entry);
    return there ?? entry;
  }

  #step({ name, n, base, call, alone, ...rest }: JournalEntry) {
    const value = "value" in rest ? { value: rest.value } : {};
    const there = this.#keep({ kind: "step", name, n, base, call, alone, ...value });
    return "value" in there ? { value: there.value } : {};
  }

  #checkpoint({ value, base, nonce }: { value: unknown; base?: number; nonce: string }): number {
    const known = this.nonces.get(nonce);
    if (known) return known;
    const seq = ++this.#seq;
    this.nonces.set(nonce, seq);
    this.#save(seq, base ?? seq, value);
    return seq;
  }

  #save(seq: number, base: number, value: unknown): void {
    const data = value === undefined ? "" : JSON.stringify(value);
    this.checkpoints.push({ seq, base, data: Buffer.from(data).toString("base64") });
  }

  #sleep({ n, base, call, alone, ms }: JournalEntry & { ms: number }): unknown {
    const value = Date.now() + ms;
    const entry = this.#keep({ kind: "sleep", name: "sleep", n, base, call, alone, value });
    return new Date(entry.value as number).toISOString();
  }

  #ask({ n, base, call, alone }: JournalEntry): unknown {
    const there = this.#find({ kind: "ask", name: "ask", n, base });
    if (there) return there.value;
    this.question = { n, base, call, alone };
    return null;
  }

  #take({ n, base, call, alone }: JournalEntry): unknown {
    const key = { kind: "messages", name: "messages", n, base, call, alone } as const;
    return this.#keep({ ...key, value: this.#find(key)?.value ?? this.messages.splice(0) }).value;
  }

  #suspended(params: { for: string; base: number; value?: unknown }): object {
    if (params.for === "pause") this.#save(++this.#seq, params.base, params.value);
    return {};
  }
}

function write(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
