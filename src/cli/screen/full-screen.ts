import { emitKeypressEvents, type Interface } from "node:readline";
import type { WriteStream } from "node:tty";

/** Codes of xterm, which all current terminals understand: another screen, no cursor, and long lines are cut off. */
const OTHER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const FORMER_SCREEN = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const CLEAR = "\x1b[2J";
/** Clears a line before its text is written. After a text that fills the row, it would erase the last character. */
const EMPTY_LINE = "\x1b[2K";
/**
 * How long to wait, after an escape character, for the rest of a key's code, in ms. If nothing comes, the key was Esc.
 */
const ESCAPE_MS = 50;

export interface Key {
  /** The name in node:readline (`up`, `pageup`, `return`, `a`), `^c` with control, or else the character. */
  name: string;
  /** The text that the key types; empty for keys that type nothing. */
  text: string;
  isShifted: boolean;
}

/** Takes over the whole terminal, and restores its former content at the end, however the process ends. */
export class FullScreen {
  readonly #terminal: WriteStream;
  readonly #stdin: NodeJS.ReadStream;
  readonly #onKey: (key: Key) => void;
  readonly #onSize: () => void;
  /** The lines on the screen. */
  #lines: readonly string[] = [];

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
    // A process that fails still restores the screen; Node itself resets the mode of the keys.
    process.on("exit", this.#restore);
    terminal.on("resize", this.#handleResize);
    emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
    stdin.setRawMode(true);
    stdin.on("keypress", this.#handleKey);
    stdin.resume();
  }

  get size(): { rows: number; columns: number } {
    return { rows: this.#terminal.rows || 24, columns: this.#terminal.columns || 80 };
  }

  /** Draws these lines from the top, as many as there are rows; writes only those that have changed. */
  draw(lines: readonly string[]): void {
    const next = lines.slice(0, this.size.rows);
    const isFirst = this.#lines.length !== next.length;
    const changed = next.flatMap((line, index) =>
      isFirst || line !== this.#lines[index] ? [`\x1b[${index + 1};1H${EMPTY_LINE}${line}`] : [],
    );
    this.#lines = next;
    if (changed.length > 0) this.#terminal.write(`${isFirst ? CLEAR : ""}${changed.join("")}`);
  }

  close(): void {
    this.#terminal.off("resize", this.#handleResize);
    this.#stdin.off("keypress", this.#handleKey);
    process.off("exit", this.#restore);
    this.#stdin.setRawMode(false);
    this.#stdin.pause();
    this.#restore();
  }

  readonly #restore = (): void => {
    this.#terminal.write(FORMER_SCREEN);
  };

  readonly #handleResize = (): void => {
    this.#lines = [];
    this.#onSize();
  };

  readonly #handleKey = (
    text: string | undefined,
    key: { name?: string; ctrl?: boolean; meta?: boolean; shift?: boolean } | undefined,
  ): void => {
    const isText = text !== undefined && !key?.ctrl && !key?.meta && /^\P{Cc}+$/u.test(text);
    const rawName = key?.name ?? text ?? "";
    const name = rawName === "enter" ? "return" : rawName;
    this.#onKey({
      name: key?.ctrl ? `^${name}` : name,
      text: isText ? text : "",
      isShifted: key?.shift === true,
    });
  };
}
