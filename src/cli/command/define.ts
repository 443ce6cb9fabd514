/**
 * A command is one object. Parsing, help, completion and the generated reference all read it, so the documentation
 * always matches what is accepted.
 */
import type { Environment } from "../../client/environment.ts";
import type { Host } from "../../client/host.ts";
import type { Clock } from "../../core/time.ts";
import type { Paths } from "../../home/paths.ts";
import { didYouMean } from "../../protocol/nearest.ts";
import type { Output } from "../text/output.ts";

/** One option; `T` is the type of its value. */
export interface OptionSpec<T> {
  /** The flags as help shows them: `-n, --lines <n>`. An option `--no-…` is true when it is given. */
  flags: string;
  about: string;
  isMany: boolean;
  /** Parses one given text; throws {@link Refusal} with what is accepted. Null for an option without a value. */
  parse: Parse<unknown> | null;
  /** Values that completion offers. */
  choices: readonly string[];
  /** Only for the compiler. */
  readonly value?: T;
}

/** Parses a text; `env` has the caller's time zone. */
type Parse<T> = (text: string, env: Environment) => T;

/** Says what is wrong with the text of an option or argument. */
export class Refusal extends Error {}

/** Defines an option without a value. */
export function flag(flags: string, about: string): OptionSpec<boolean> {
  return { flags, about, isMany: false, parse: null, choices: [] };
}

/** Defines an option with a value; undefined when it is not given. */
export function value(flags: string, about: string): OptionSpec<string | undefined>;
export function value<T>(flags: string, about: string, parse: Parse<T>): OptionSpec<T | undefined>;
export function value(flags: string, about: string, parse?: Parse<unknown>): OptionSpec<unknown> {
  return { flags, about, isMany: false, parse: parse ?? String, choices: [] };
}

/** Defines an option whose value is optional (else true). A missing operand takes the word after the option. */
export function optionalValue(flags: string, about: string): OptionSpec<string | true | undefined> {
  return { flags, about, isMany: false, parse: String, choices: [] };
}

/** Defines an option that may be given several times. */
export function values<T>(flags: string, about: string, parse: Parse<T>): OptionSpec<T[]> {
  return { flags, about, isMany: true, parse, choices: [] };
}

/** Adds words that completion offers: the option's value consists of them, or begins with one of them. */
export function offering<T>(option: OptionSpec<T>, choices: readonly string[]): OptionSpec<T> {
  return { ...option, choices };
}

/** Defines an option with a fixed set of values. */
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

/** All that a command knows about its process; nothing else is global. */
export interface Context {
  env: Environment;
  /** The caller's directory; reading it throws a usage error if it was deleted or its name is not valid UTF-8. */
  readonly cwd: string;
  /**
   * The machine or socket of the daemon; null for a home on this machine. The paths it names are on another machine.
   */
  host: Host | null;
  stdin: () => NodeJS.ReadStream;
  paths: Paths;
  clock: Clock;
  /** Whether the command only reads; see `CommandSpec.reads`. */
  reads: boolean;
  /** The running command; errors about the daemon's parameters name its options instead. */
  command: Command;
  /** All commands, for a command that lists them. */
  table: Table;
  out: Output;
}

type Specs = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values that a command gets for its options. */
export type ValuesOf<O extends Specs> = { [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never };

/** One operand: its name as help shows it (`<id>`, `[file]`, `[tasks...]`), and its description. */
type ArgumentSpec = readonly [name: string, about: string];

export interface CommandSpec<O extends Specs> {
  name: string;
  summary: string;
  /** Details that the summary leaves out. */
  notes?: string;
  args: readonly ArgumentSpec[];
  options: O;
  /** A command line without the leading `agentctl`, and what it does. */
  examples: readonly (readonly [line: string, effect: string])[];
  /** How many operands come before another program's command line; options may stand between and after them. */
  leading?: number;
  /**
   * Only for a command whose operands are another program's command line: returns whether options may still follow
   * these operands. `isMarked` says that `--` stood before them.
   */
  acceptsOptionsAfter?: (operands: string[], isMarked: boolean, context: Context) => boolean;
  /** Returns the operand to use when none is given with these options. */
  defaultOperand?: (given: Readonly<Record<string, unknown>>) => string | undefined;
  /** The command only reads: without a home it sees an empty one, and creates neither home nor daemon. */
  reads?: boolean;
  /** The command needs no home. */
  isHomeless?: boolean;
  /** The command works on the files or processes of a home: refused for the daemon of another machine. */
  isLocal?: boolean;
  /** Others reach a home of this machine through this command: it ignores what would choose another home. */
  ignoresTarget?: boolean;
  /** A program may follow `--`; `args` then has the `--` in front of it. */
  takesMarkedProgram?: true;
  /** Runs the command; resolves with the exit code. `isMarked` says that `--` stood before the operands. */
  run(context: Context, args: string[], options: ValuesOf<O>, isMarked: boolean): Promise<number>;
}

/** A command without the types of its options, as the table holds it. */
export type Command = CommandSpec<Specs>;

/** Commands under one name, such as `queue list` and `queue set`. */
export interface Group {
  name: string;
  summary: string;
  commands: readonly Command[];
}

/** All verbs by name. */
export interface Table {
  verbNames: readonly string[];
  verb: (word: string) => Promise<Command | Group | undefined>;
  aliasesOf: (name: string) => string[];
}

/** Defines a command; its `run` gets the values of exactly its options. */
export function command<O extends Specs>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command;
}

/** Returns the long name of an option, without its dashes. */
export function longName({ flags }: { flags: string }): string {
  return /--([\w-]+)/.exec(flags)?.[1] ?? flags;
}

/** Returns the letter of an option, if it has one. */
export function letter({ flags }: { flags: string }): string | undefined {
  return /^-(\w),/.exec(flags)?.[1];
}

/** Returns the attribute where commander stores an option: `--no-wait` is `wait`, `--from-start` is `fromStart`. */
export function attributeOf(long: string): string {
  return long.replace(/^no-/, "").replace(/-(\w)/g, (_, first: string) => first.toUpperCase());
}
