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

/** Errors of a write that mean that nobody reads any more: a closed pipe, a terminal that was hung up. */
const READER_GONE: readonly (string | undefined)[] = ["EPIPE", "EIO"];

/**
 * Where a command's words go: results to stdout, everything else to stderr. What is written to a stdout that takes
 * nothing more is dropped, and `gone` is aborted for those who would go on without end. A reader that went away (`| head`)
 * is no failure; any other cause is told on stderr, and {@link Output.exitCode} knows of it.
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
    // There is no other place to tell it, and the results are not among what is lost.
    stderr.on("error", () => undefined);
  }

  /**
   * Aborts `gone` also while nothing is printed, for a command that goes on until its reader leaves; on macOS only where
   * stdout is a socket. The returned function ends that.
   */
  watchReader(): () => void {
    return watchReader(this.#stdout, () => this.#gone.abort());
  }

  /** Whether a result is lost for another cause than that nobody reads it. */
  get isUnwritable(): boolean {
    return this.#isUnwritable;
  }

  /** The code with which a command ends that came to this one: where a result could not be written, no 0. */
  async exitCode(code: number): Promise<number> {
    // What is wrong with the last write is told a little later.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#isUnwritable && code === 0 ? 1 : code;
  }

  /** A line of the result. */
  line(text = ""): void {
    if (!this.gone.aborted) this.#stdout.write(`${text}\n`);
  }

  /**
   * A line beside the result, and what one can type then. A terminal gets that on a line of its own, and no word is broken
   * where the lines are longer than it is wide.
   */
  note(text: string, todo?: string): void {
    if (!this.#stderr.isTTY) {
      this.#stderr.write(todo === undefined ? `${text}\n` : `${text}; ${todo}\n`);
      return;
    }
    const lines = todo === undefined ? text : `${text}\n  ${todo}`;
    this.#stderr.write(`${wrapBlock(lines, (this.#stderr as WriteStream).columns || 80)}\n`);
  }

  /** Rings the bell of the terminal, also where no text is wanted. */
  ring(): void {
    this.#stderr.write("\u0007");
  }

  /** The result as JSON: one line, or indented for eyes. */
  data(value: unknown): void {
    const json = JSON.stringify(value, undefined, this.#stdout.isTTY ? 2 : undefined);
    this.line(this.#stdout.isTTY ? escapedJson(json) : json);
  }

  /** A line of JSON in a stream of them. */
  dataLine(value: unknown): void {
    const json = JSON.stringify(value);
    this.line(this.#stdout.isTTY ? escapedJson(json) : json);
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

  /** Whether stdout gets colours. */
  isColored(): boolean {
    return this.#isColored(this.#stdout);
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

/** The system's words for its error, and its code. */
function causeOf({ message, errno = 0, code }: NodeJS.ErrnoException): string {
  const [, words] = getSystemErrorMap().get(errno) ?? [];
  return words === undefined ? message : `${words} (${code})`;
}
