/** The log of a task as lines, over all attempts, read further while it grows. */
import { StringDecoder } from "node:string_decoder";
import { LogFile, lastLinesOf } from "../../home/log-file.ts";
import { type AttemptLog, placeOf } from "../../home/log-tail.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { logsOf } from "./task-files.ts";

/** How much of each attempt is read at most, from its end, in bytes and in lines. */
const ATTEMPT_BYTES = 1024 * 1024;
const ATTEMPT_LINES = 10_000;
/** How many lines of all attempts are kept. */
const MAX_LINES = 50_000;

interface Part {
  file: LogFile;
  decoder: StringDecoder;
  isOpen: boolean;
}

/** Reads the logs of one task. Each line goes through `clean` once. */
export class LogLines {
  readonly #context: Context;
  readonly #id: number;
  readonly #clean: (line: string) => string;
  readonly #parts = new Map<number, Part>();
  #lines: string[] = [];
  #rest = "";

  constructor(context: Context, id: number, clean: (line: string) => string) {
    this.#context = context;
    this.#id = id;
    this.#clean = clean;
  }

  /** All lines so far; the last may not be complete yet. */
  get lines(): readonly string[] {
    return this.#rest === "" ? this.#lines : [...this.#lines, this.#clean(this.#rest)];
  }

  /** Asks which attempts there are and reads the new ones; returns whether there are new lines. */
  async update(rpc: RpcClient): Promise<boolean> {
    const { logs } = await logsOf(this.#context, rpc, { id: this.#id });
    let hasNew = await this.read();
    for (const log of logs) {
      const { attempt } = log;
      if (this.#parts.has(attempt)) continue;
      // An attempt gets no more output once the next one has begun.
      for (const part of this.#parts.values()) this.#closePart(part);
      if (logs.length > 1) this.#lines.push(`-- attempt ${attempt} --`);
      this.#parts.set(attempt, await this.#openPart(log));
      await this.read();
      hasNew = true;
    }
    return hasNew;
  }

  /** Reads what has been written since; returns whether there was anything. */
  async read(): Promise<boolean> {
    let hasNew = false;
    for (const { file, decoder, isOpen } of this.#parts.values()) {
      if (!isOpen) continue;
      await file.drain(async (chunk) => {
        hasNew = true;
        this.#append(decoder.write(chunk));
      });
    }
    return hasNew;
  }

  close(): void {
    for (const part of this.#parts.values()) this.#closePart(part);
  }

  async #openPart(log: AttemptLog): Promise<Part> {
    const place = placeOf(log);
    const file = new LogFile(place);
    const { offset } = await lastLinesOf(place, ATTEMPT_LINES);
    const { offset: size } = await lastLinesOf(place, 0);
    const start = Math.max(offset, size - ATTEMPT_BYTES);
    if (start > 0) {
      this.#lines.push(`-- older output: agentctl logs ${this.#id} --`);
      await file.skipTo(start);
    }
    return { file, decoder: new StringDecoder("utf8"), isOpen: true };
  }

  #closePart(part: Part): void {
    part.file.close();
    part.isOpen = false;
    if (this.#rest !== "") this.#lines.push(this.#clean(this.#rest));
    this.#rest = "";
  }

  #append(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#lines.push(this.#clean(line));
    if (this.#lines.length > MAX_LINES) this.#lines = this.#lines.slice(-MAX_LINES);
  }
}
