import { emitKeypressEvents } from "node:readline";
import type { WriteStream } from "node:tty";

/** Codes of xterm, which every terminal of today understands: no cursor is shown, and what is too long is cut off. */
const OTHER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const FORMER_SCREEN = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const REST_OF_LINE = "\x1b[K";
const REST_OF_SCREEN = "\x1b[J";

/** The name of a key as node:readline has it, or its character; `^c` with control. */
export type Key = string;

/** The whole of a terminal for a while: what stood there before stands there again afterwards. */
export class FullScreen {
  readonly #terminal: WriteStream;
  readonly #stdin: NodeJS.ReadStream;
  readonly #onKey: (key: Key) => void;
  readonly #onSize: () => void;
  #shown = "";

  constructor(
    terminal: WriteStream,
    stdin: NodeJS.ReadStream,
    { onKey, onSize }: { onKey: (key: Key) => void; onSize: () => void },
  ) {
    this.#terminal = terminal;
    this.#stdin = stdin;
    this.#onKey = onKey;
    this.#onSize = onSize;
    terminal.write(OTHER_SCREEN);
    terminal.on("resize", this.#resized);
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on("keypress", this.#pressed);
    stdin.resume();
  }

  get size(): { rows: number; columns: number } {
    return { rows: this.#terminal.rows || 24, columns: this.#terminal.columns || 80 };
  }

  /** Shows these lines from the top; as many as there are rows. */
  draw(lines: readonly string[]): void {
    const text = lines
      .slice(0, this.size.rows)
      .map((line) => `${line}${REST_OF_LINE}`)
      .join("\r\n");
    if (text === this.#shown) return;
    this.#shown = text;
    this.#terminal.write(`${HOME}${text}${REST_OF_SCREEN}`);
  }

  close(): void {
    this.#terminal.off("resize", this.#resized);
    this.#stdin.off("keypress", this.#pressed);
    this.#stdin.setRawMode(false);
    this.#stdin.pause();
    this.#terminal.write(FORMER_SCREEN);
  }

  readonly #resized = (): void => {
    this.#shown = "";
    this.#onSize();
  };

  readonly #pressed = (
    text: string | undefined,
    key: { name?: string; ctrl?: boolean } | undefined,
  ): void => {
    if (key?.ctrl) this.#onKey(`^${key.name ?? ""}`);
    else this.#onKey(key?.name ?? text ?? "");
  };
}
