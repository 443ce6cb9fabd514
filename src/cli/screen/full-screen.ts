import { emitKeypressEvents, type Interface } from "node:readline";
import type { WriteStream } from "node:tty";

/** Codes of xterm, which every terminal of today understands: no cursor is shown, and what is too long is cut off. */
const OTHER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const FORMER_SCREEN = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const CLEAR = "\x1b[2J";
/** Before the text of a line: behind one that fills the row it would take its last character. */
const EMPTY_LINE = "\x1b[2K";
/** So long after an escape character the rest of a key's code may come; without it the key was Esc. */
const ESCAPE_MS = 50;

export interface Key {
  /** As node:readline has it (`up`, `pageup`, `return`, `a`), `^c` with control, else its character. */
  name: string;
  /** What it writes where something is typed; empty for keys that write nothing. */
  text: string;
  isShifted: boolean;
}

/** The whole of a terminal for a while: what stood there before stands there again afterwards, however the process ends. */
export class FullScreen {
  readonly #terminal: WriteStream;
  readonly #stdin: NodeJS.ReadStream;
  readonly #onKey: (key: Key) => void;
  readonly #onSize: () => void;
  /** The lines that are on the screen. */
  #shown: readonly string[] = [];

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
    // A process that fails still leaves the screen; the system's own mode of the keys is restored by Node.
    process.on("exit", this.#restore);
    terminal.on("resize", this.#resized);
    emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
    stdin.setRawMode(true);
    stdin.on("keypress", this.#pressed);
    stdin.resume();
  }

  get size(): { rows: number; columns: number } {
    return { rows: this.#terminal.rows || 24, columns: this.#terminal.columns || 80 };
  }

  /** Shows these lines from the top, as many as there are rows; writes only those that differ from what is shown. */
  draw(lines: readonly string[]): void {
    const next = lines.slice(0, this.size.rows);
    const isFirst = this.#shown.length !== next.length;
    const changed = next.flatMap((line, at) =>
      isFirst || line !== this.#shown[at] ? [`\x1b[${at + 1};1H${EMPTY_LINE}${line}`] : [],
    );
    this.#shown = next;
    if (changed.length > 0) this.#terminal.write(`${isFirst ? CLEAR : ""}${changed.join("")}`);
  }

  close(): void {
    this.#terminal.off("resize", this.#resized);
    this.#stdin.off("keypress", this.#pressed);
    process.off("exit", this.#restore);
    this.#stdin.setRawMode(false);
    this.#stdin.pause();
    this.#restore();
  }

  readonly #restore = (): void => {
    this.#terminal.write(FORMER_SCREEN);
  };

  readonly #resized = (): void => {
    this.#shown = [];
    this.#onSize();
  };

  readonly #pressed = (
    text: string | undefined,
    key: { name?: string; ctrl?: boolean; meta?: boolean; shift?: boolean } | undefined,
  ): void => {
    const isText = text !== undefined && !key?.ctrl && !key?.meta && /^\P{Cc}+$/u.test(text);
    const known = key?.name ?? text ?? "";
    const name = known === "enter" ? "return" : known;
    this.#onKey({
      name: key?.ctrl ? `^${name}` : name,
      text: isText ? text : "",
      isShifted: key?.shift === true,
    });
  };
}
