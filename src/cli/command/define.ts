/**
 * A command is one object. Parsing, help, completion and the generated reference all read it, so that what is
 * documented is what is accepted.
 */
import type { Environment } from "../../client/environment.ts";
import type { Host } from "../../client/host.ts";
import type { Clock } from "../../core/time.ts";
import type { Paths } from "../../home/paths.ts";
import { didYouMean } from "../../protocol/nearest.ts";
import type { Output } from "../text/output.ts";

/** One option; `T` is what its command gets for it. */
export interface OptionSpec<T> {
  /** As help shows it: `-n, --lines <n>`. A long name that begins with `--no-` is true when it is given. */
  flags: string;
  about: string;
  isMany: boolean;
  /** Turns one given text into a value; throws {@link Refusal} with what is accepted. */
  parse: Read<unknown> | null;
  /** Values that completion offers. */
  choices: readonly string[];
  /** Only for the compiler. */
  readonly value?: T;
}

/** How a text is read; the caller's environment has the zone of a time. */
type Read<T> = (text: string, env: Environment) => T;

/** What is wrong with the text given for an option or argument. */
export class Refusal extends Error {}

/** An option without a value. */
export function flag(flags: string, about: string): OptionSpec<boolean> {
  return { flags, about, isMany: false, parse: null, choices: [] };
}

/** An option with a value, undefined when it is not given. */
export function value(flags: string, about: string): OptionSpec<string | undefined>;
export function value<T>(flags: string, about: string, parse: Read<T>): OptionSpec<T | undefined>;
export function value(flags: string, about: string, parse?: Read<unknown>): OptionSpec<unknown> {
  return { flags, about, isMany: false, parse: parse ?? String, choices: [] };
}

/** An option whose value may be left out, and is true then; a word behind it that is missing as an operand is none. */
export function optionalValue(flags: string, about: string): OptionSpec<string | true | undefined> {
  return { flags, about, isMany: false, parse: String, choices: [] };
}

/** An option that may be given several times. */
export function values<T>(flags: string, about: string, parse: Read<T>): OptionSpec<T[]> {
  return { flags, about, isMany: true, parse, choices: [] };
}

/** An option whose value is made of these words, or begins with one of them. */
export function offering<T>(option: OptionSpec<T>, choices: readonly string[]): OptionSpec<T> {
  return { ...option, choices };
}

/** An option with a fixed set of values. */
export function choice<const T extends string>(
  flags: string,
  about: string,
  choices: readonly T[],
): OptionSpec<T | undefined> {
  const parse = (text: string): T => {
    const found = choices.find((each) => each === text);
    if (found === undefined)
      throw new Refusal(
        `${JSON.stringify(text)} is none of ${choices.join(", ")}${didYouMean(text, choices)}`,
      );
    return found;
  };
  return { flags, about: `${about}: ${choices.join(", ")}`, isMany: false, parse, choices };
}

/** What a command knows of the process that it runs in; nothing else of it is global. */
export interface Context {
  env: Environment;
  /** The directory of the caller; reading it throws a usage error where there is none that can be named. */
  readonly cwd: string;
  /** The machine or socket of the daemon; null for a home of this machine. Its paths are those of another machine. */
  host: Host | null;
  stdin: () => NodeJS.ReadStream;
  paths: Paths;
  clock: Clock;
  /** Whether the command only reads; see `CommandSpec.reads`. */
  reads: boolean;
  /** The command that runs: what the daemon refuses is told in its words. */
  command: Command;
  /** Every command there is, for those who speak of all of them. */
  table: Table;
  out: Output;
}

type Specs = Readonly<Record<string, OptionSpec<unknown>>>;

/** What a command gets for its options. */
export type ValuesOf<O extends Specs> = { [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never };

/** One operand: its name as help shows it (`<id>`, `[file]`, `[tasks...]`), and what it is. */
type ArgumentSpec = readonly [name: string, about: string];

export interface CommandSpec<O extends Specs> {
  name: string;
  summary: string;
  /** What the summary leaves out. */
  notes?: string;
  args: readonly ArgumentSpec[];
  options: O;
  /** What one would type, without the leading `agentctl`, and what it does. */
  examples: readonly (readonly [line: string, does: string])[];
  /** How many operands stand before another program's command line, with options between and behind them. */
  leading?: number;
  /**
   * Only for a command whose operands are another program's command line: whether options may follow these
   * operands nevertheless. `isMarked` says that `--` stood before them.
   */
  mayFollow?: (operands: string[], isMarked: boolean, context: Context) => boolean;
  /** The operand that is meant where none is given with these options. */
  meant?: (given: Readonly<Record<string, unknown>>) => string | undefined;
  /** Only reads: where there is no home it is answered as an empty one would, and neither home nor daemon is made. */
  reads?: boolean;
  /** Has nothing to do with a home. */
  isHomeless?: boolean;
  /** It works on the files or processes of a home: refused for the daemon of another machine. */
  isLocal?: boolean;
  /** It is what others reach a home of this machine by: whatever chooses another one is ignored. */
  isHere?: boolean;
  /** A program may follow behind `--`: `args` then has the `--` in front of it. */
  marks?: true;
  /** Resolves with the exit code. `isMarked` says that `--` stood before the operands. */
  run(context: Context, args: string[], options: ValuesOf<O>, isMarked: boolean): Promise<number>;
}

/** A command whose option types are forgotten, as the table holds it. */
export type Command = CommandSpec<Specs>;

/** Commands under one name, such as `queue list` and `queue set`. */
export interface Group {
  name: string;
  summary: string;
  commands: readonly Command[];
}

/** Every verb by its name. */
export interface Table {
  verbNames: readonly string[];
  verb: (word: string) => Promise<Command | Group | undefined>;
  aliasesOf: (name: string) => string[];
}

/** Defines a command; its `run` gets the values of exactly its options. */
export function command<O extends Specs>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command;
}

/** The long name of an option, without its dashes. */
export function longName({ flags }: { flags: string }): string {
  return /--([\w-]+)/.exec(flags)?.[1] ?? flags;
}

/** The letter of an option, if it has one. */
export function letter({ flags }: { flags: string }): string | undefined {
  return /^-(\w),/.exec(flags)?.[1];
}

/** Where commander puts an option: `--no-wait` is `wait`, `--from-start` is `fromStart`. */
export function attributeOf(long: string): string {
  return long.replace(/^no-/, "").replace(/-(\w)/g, (_, first: string) => first.toUpperCase());
}
