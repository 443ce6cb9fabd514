import { once } from "node:events";
import type { WriteStream } from "node:tty";
import type { Environment } from "../client/environment.ts";
import { type Paint, paintFor, plainPaint } from "./paint.ts";

export const colorChoices = ["auto", "always", "never"] as const;
export type ColorChoice = (typeof colorChoices)[number];

export interface OutputOptions {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  env: Environment;
  json: boolean;
  color: ColorChoice;
}

/**
 * Where a command's words go: results to stdout, everything else to stderr. A reader that went away (`| head`)
 * is no failure: what is written from then on is dropped, and `gone` is aborted for those who would go on for ever.
 */
export class Output {
  readonly json: boolean;
  readonly gone: AbortSignal;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #env: Environment;
  readonly #color: ColorChoice;

  constructor({ stdout, stderr, env, json, color }: OutputOptions) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#env = env;
    this.#color = color;
    const gone = new AbortController();
    this.gone = gone.signal;
    for (const stream of [stdout, stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
        if (stream === stdout) gone.abort();
      });
    }
  }

  /** A line of the result. */
  line(text = ""): void {
    if (!this.gone.aborted) this.#stdout.write(`${text}\n`);
  }

  /** A line beside the result. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** The result as JSON: one line, or indented for eyes. */
  data(value: unknown): void {
    this.line(JSON.stringify(value, undefined, this.#stdout.isTTY ? 2 : undefined));
  }

  /** Bytes of the result, as they are; resolves when there is room for more. */
  async bytes(chunk: Uint8Array): Promise<void> {
    if (this.gone.aborted || this.#stdout.write(chunk)) return;
    await once(this.#stdout, "drain", { signal: this.gone }).catch(() => undefined);
  }

  /** Colours for stdout. */
  async paint(): Promise<Paint> {
    return this.#isColored(this.#stdout) ? await paintFor() : plainPaint;
  }

  /** Colours for stderr. */
  async notePaint(): Promise<Paint> {
    return this.#isColored(this.#stderr) ? await paintFor() : plainPaint;
  }

  /** The columns of the terminal that stdout is; undefined for a pipe or a file, where nothing is cut. */
  get columns(): number | undefined {
    return this.#stdout.isTTY ? (this.#stdout as WriteStream).columns || 80 : undefined;
  }

  /** The terminal that stdout is, for what fills the screen. */
  get terminal(): WriteStream | undefined {
    return this.#stdout.isTTY ? (this.#stdout as WriteStream) : undefined;
  }

  /** The terminal that stderr is, for what moves. */
  get noteTerminal(): NodeJS.WriteStream | undefined {
    return this.#stderr.isTTY ? this.#stderr : undefined;
  }

  #isColored(stream: NodeJS.WriteStream): boolean {
    if (this.#color !== "auto") return this.#color === "always";
    const { NO_COLOR, FORCE_COLOR, TERM } = this.#env;
    if (NO_COLOR) return false;
    if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
    return stream.isTTY === true && TERM !== "dumb";
  }
}
