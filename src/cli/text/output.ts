import { once } from "node:events";
import type { WriteStream } from "node:tty";
import { getSystemErrorMap } from "node:util";
import type { Environment } from "../../client/environment.ts";
import { type Paint, paintFor, plainPaint } from "./paint.ts";
import { watchReader } from "./reader.ts";
import { escapedJson } from "./terminal-text.ts";
import { wrapBlock } from "./wrap.ts";

export const colorChoices = ["auto", "always", "never"] as const;
export type ColorChoice = (typeof colorChoices)[number];

export interface OutputOptions {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  env: Environment;
  json: boolean;
  color: ColorChoice;
}

/** Write errors which mean that the reader has gone: a closed pipe, or a terminal that hung up. */
const READER_GONE: readonly (string | undefined)[] = ["EPIPE", "EIO"];

/**
 * Writes the output of a command: results to stdout, everything else to stderr. When stdout fails, later results are
 * dropped, and `gone` aborts for commands that would run without end. A reader that left (`| head`) is not a failure.
 * Any other cause is printed to stderr and affects {@link Output.exitCode}.
 */
export class Output {
  readonly json: boolean;
  readonly gone: AbortSignal;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #env: Environment;
  readonly #color: ColorChoice;
  readonly #gone = new AbortController();
  #isUnwritable = false;

  constructor({ stdout, stderr, env, json, color }: OutputOptions) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#env = env;
    this.#color = color;
    this.gone = this.#gone.signal;
    stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (this.gone.aborted) return;
      if (!READER_GONE.includes(error.code)) {
        this.#isUnwritable = true;
        this.note(`agentctl: stdout cannot be written: ${causeOf(error)}`);
      }
      this.#gone.abort();
    });
    // There is nowhere else to report it, and no results are lost.
    stderr.on("error", () => undefined);
  }

  /**
   * Aborts `gone` even while nothing is printed, for a command that runs until its reader leaves. On macOS this works
   * only if stdout is a socket. The returned function stops it.
   */
  watchReader(): () => void {
    return watchReader(this.#stdout, () => this.#gone.abort());
  }

  /** Whether a result was lost for any reason except that its reader left. */
  get isUnwritable(): boolean {
    return this.#isUnwritable;
  }

  /** Returns the exit code for a command that ended with `code`: 1 instead of 0 if a result could not be written. */
  async exitCode(code: number): Promise<number> {
    // The error of the last write arrives a little later.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#isUnwritable && code === 0 ? 1 : code;
  }

  /** Prints a line of the result. */
  line(text = ""): void {
    if (!this.gone.aborted) this.#stdout.write(`${text}\n`);
  }

  /**
   * Prints a line to stderr, with a command `todo` to type next. On a terminal the command has its own line, and long
   * lines wrap between words.
   */
  note(text: string, todo?: string): void {
    if (!this.#stderr.isTTY) {
      this.#stderr.write(todo === undefined ? `${text}\n` : `${text}; ${todo}\n`);
      return;
    }
    const lines = todo === undefined ? text : `${text}\n  ${todo}`;
    this.#stderr.write(`${wrapBlock(lines, (this.#stderr as WriteStream).columns || 80)}\n`);
  }

  /** Rings the terminal's bell, also for a command that prints no text. */
  ring(): void {
    this.#stderr.write("\u0007");
  }

  /** Prints the result as JSON: one line, or indented on a terminal. */
  data(value: unknown): void {
    const json = JSON.stringify(value, undefined, this.#stdout.isTTY ? 2 : undefined);
    this.line(this.#stdout.isTTY ? escapedJson(json) : json);
  }

  /** Prints one line of a stream of JSON. */
  dataLine(value: unknown): void {
    const json = JSON.stringify(value);
    this.line(this.#stdout.isTTY ? escapedJson(json) : json);
  }

  /** Prints bytes of the result unchanged; resolves when there is room for more. */
  async bytes(chunk: Uint8Array): Promise<void> {
    if (this.gone.aborted || this.#stdout.write(chunk)) return;
    await once(this.#stdout, "drain", { signal: this.gone }).catch(() => undefined);
  }

  /** Returns the colours for stdout. */
  async paint(): Promise<Paint> {
    return this.#isColored(this.#stdout) ? await paintFor() : plainPaint;
  }

  /** Whether stdout gets colours. */
  isColored(): boolean {
    return this.#isColored(this.#stdout);
  }

  /** Returns the colours for stderr. */
  async notePaint(): Promise<Paint> {
    return this.#isColored(this.#stderr) ? await paintFor() : plainPaint;
  }

  /** The width of the terminal on stdout; undefined for a pipe or a file, where nothing is cut. */
  get columns(): number | undefined {
    return this.#stdout.isTTY ? (this.#stdout as WriteStream).columns || 80 : undefined;
  }

  /** The terminal on stdout, for output that fills the screen. */
  get terminal(): WriteStream | undefined {
    return this.#stdout.isTTY ? (this.#stdout as WriteStream) : undefined;
  }

  /** The terminal on stderr, for lines that are redrawn. */
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

/** Returns the system's text for its error, with the code. */
function causeOf({ message, errno = 0, code }: NodeJS.ErrnoException): string {
  const [, text] = getSystemErrorMap().get(errno) ?? [];
  return text === undefined ? message : `${text} (${code})`;
}
