/** What the completion scripts are made from. */
import type { State } from "../../core/machine.ts";

/**
 * What may stand in a place: words, tasks in some states, or what a command lists (its first column), where `ofTask` says
 * that it lists what belongs to the first operand. `isList`: several of the words, with commas between them. `files` are
 * left to the shell, and so are `programs`: what is on the PATH, or a file.
 */
export type Offer =
  | { words: readonly string[]; isList?: true }
  | { tasks: readonly State[]; isHeld?: boolean }
  | { listed: string; ofTask?: true }
  | "files"
  | "programs";

export interface OptionEntry {
  long: string;
  short: string | undefined;
  about: string;
  /** Null for an option without a value. */
  offer: Offer | null;
}

/** One thing that can be typed: `queue set`, its options, and what may follow. */
export interface Entry {
  /** `pause` or `queue set`. */
  path: string;
  /** Other words for it, which are offered as it is. */
  aliases: readonly string[];
  /** Words of other programs for it: what follows them is completed, and they are not offered. */
  shortcuts: readonly string[];
  summary: string;
  /** It has commands of its own, and neither options nor operands. */
  isGroup: boolean;
  options: OptionEntry[];
  /** What each of its operands may be. */
  operands: Offer[];
  /** A program stands behind `--`, and what follows it. */
  marks: boolean;
  /** Which of the operands is another program; the words behind it are its own. Undefined where none is. */
  program: number | undefined;
  /** Whether any number of operands like the last one may follow. */
  isMany: boolean;
}
