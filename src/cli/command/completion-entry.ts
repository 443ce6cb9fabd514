/** The data from which the completion scripts are made. */
import type { State } from "../../core/machine.ts";

/**
 * What completion offers in one place: words, tasks in some states, or the first column of what a command lists.
 * `isList`: several words, separated by commas. `ofTask`: the command lists what belongs to the first operand. The
 * shell itself completes `files` and `programs` (on the PATH, or a file).
 */
export type Offer =
  | { words: readonly string[]; isList?: true }
  | { tasks: readonly State[]; isHeld?: boolean }
  | { listCommand: string; ofTask?: true }
  | "files"
  | "programs";

export interface OptionEntry {
  long: string;
  short: string | undefined;
  about: string;
  /** Null for an option without a value. */
  offer: Offer | null;
}

/** A command or a group, such as `queue set`, with its options and operands. */
export interface Entry {
  /** `pause` or `queue set`. */
  path: string;
  /** Aliases, which completion offers like the command itself. */
  aliases: readonly string[];
  /** Words of other programs for the command. Completion works after them, but does not offer them. */
  shortcuts: readonly string[];
  summary: string;
  /** Whether it is a group, which has commands but neither options nor operands. */
  isGroup: boolean;
  options: OptionEntry[];
  /** What completion offers for each operand. */
  operands: Offer[];
  /** Whether a program and its arguments may follow `--`. */
  takesMarkedProgram: boolean;
  /** The index of the operand that is another program, whose arguments follow it. Undefined if there is none. */
  program: number | undefined;
  /** Whether any number of operands like the last one may follow. */
  isMany: boolean;
}
