import type { Command as Commander, CommanderError } from "commander";
import type { Environment } from "../../client/environment.ts";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { type ColorChoice, colorChoices } from "../text/output.ts";
import type { buildCommander } from "./commander.ts";
import type { Context } from "./context.ts";
import { attributeOf, type Command, longName, type OptionSpec, Refusal } from "./define.ts";
import { unknownOption } from "./foreign-options.ts";
import { usage } from "./usage.ts";

/** The words after the verb, parsed: a call of the command, or a request for its help. */
export type Parsed =
  | { help: true }
  | {
      help: false;
      args: string[];
      /** Whether `--` stood before the operands. */
      isMarked: boolean;
      options: Record<string, unknown>;
      json: boolean;
      color: ColorChoice;
      /** The daemon to connect to, if the words name one. */
      host?: string;
      context?: string;
    };

/** Parses the words after the verb. Throws a usage error that says what is accepted. */
export async function parse(
  spec: Command,
  title: string,
  words: string[],
  context: Pick<Context, "cwd" | "env">,
): Promise<Parsed> {
  const mark = spec.takesMarkedProgram ? words.indexOf("--") : -1;
  if (mark >= 0) {
    const front = await parse(spec, title, words.slice(0, mark), context);
    return front.help ? front : { ...front, args: [...front.args, ...words.slice(mark)] };
  }
  const plain = parsePlain(spec, words, context as Context);
  if (plain && spec.leading === undefined) {
    checkCount(spec, title, plain.args);
    return {
      help: false,
      ...plain,
      options: parseValues(spec, {}, context.env),
      json: false,
      color: "auto",
    };
  }
  const { buildCommander } = await import("./commander.ts");
  const parseWords = (values: string[], passThrough: boolean): Commander => {
    const parser = buildCommander(spec, title).passThroughOptions(passThrough);
    return runParser(parser, spec, title, values);
  };
  const front = splitLeading(spec, title, words, buildCommander);
  const rest = front.rest;
  let parser = parseWords(rest, spec.acceptsOptionsAfter !== undefined);
  const isMarked = rest[rest.length - parser.args.length - 1] === "--";
  if (spec.acceptsOptionsAfter?.(parser.args, isMarked, context as Context)) parser = parseWords(rest, false);
  const values = { ...front.values, ...parser.opts() };
  if (values.help) return { help: true };
  const args = [...front.operands, ...operandsOf(spec, words, values, parser.args)];
  refuseSigned(spec, title, words, args);
  checkCount(spec, title, args);
  return {
    help: false,
    args,
    isMarked,
    options: parseValues(spec, values, context.env),
    json: values.json === true,
    color: colorOf(values.color),
    ...defined({ host: values.host as string | undefined, context: values.context as string | undefined }),
  };
}

/** Returns the operands. If one is missing, it takes the word of an option whose value is optional. */
function operandsOf(
  spec: Command,
  words: string[],
  values: Record<string, unknown>,
  args: string[],
): string[] {
  const required = spec.args.filter(([name]) => name.startsWith("<"));
  if (args.length >= required.length) return args;
  const fallback = args.length === 0 ? spec.defaultOperand?.(values) : undefined;
  if (fallback !== undefined) return [fallback];
  for (const option of Object.values(spec.options)) {
    const attribute = attributeOf(longName(option));
    const text = values[attribute];
    if (!option.flags.endsWith("]") || typeof text !== "string" || !words.includes(text)) continue;
    values[attribute] = true;
    return [text, ...args];
  }
  return args;
}

interface LeadingPart {
  operands: string[];
  values: Record<string, unknown>;
  rest: string[];
}

/** Splits off the operands before another program's command line, with the options between them. */
function splitLeading(
  spec: Command,
  title: string,
  words: string[],
  build: typeof buildCommander,
): LeadingPart {
  let front: LeadingPart = { operands: [], values: {}, rest: words };
  while (front.operands.length < (spec.leading ?? 0)) {
    const { rest } = front;
    const parser = runParser(build(spec, title).passThroughOptions(true), spec, title, rest);
    const [operand, ...remaining] = parser.args;
    if (operand === undefined) break;
    front = {
      operands: [...front.operands, operand],
      values: { ...front.values, ...parser.opts() },
      rest: remaining,
    };
  }
  return front;
}

/** Parses words without options, the usual case, without loading commander. Undefined if there are options. */
function parsePlain(
  { acceptsOptionsAfter }: Command,
  words: string[],
  context: Context,
): { args: string[]; isMarked: boolean } | undefined {
  const isMarked = words[0] === "--";
  const args = isMarked ? words.slice(1) : words;
  const isPlain = isMarked || !words.some((word) => word.startsWith("-"));
  // Options after another program's name belong to that program.
  const isProgram = acceptsOptionsAfter !== undefined && words[0] !== undefined && !words[0].startsWith("-");
  if (isPlain || (isProgram && !acceptsOptionsAfter(args, isMarked, context))) return { args, isMarked };
  return undefined;
}

function runParser(parser: Commander, spec: Command, title: string, words: string[]): Commander {
  try {
    return parser.parse(words, { from: "user" });
  } catch (error) {
    const { code, message } = error as CommanderError;
    if (!code?.startsWith("commander.")) throw error;
    const [, option] = /^error: unknown option '(.*?)'(\n|$)/s.exec(message) ?? [];
    if (option !== undefined) throw unknownOption(spec, title, option);
    const text = message.replace(/^error: /, "");
    throw usage(text, { hint: `${title} --help` });
  }
}

/** Refuses a number with a dash in the place of a task: it is another program's option, as in `kill -9`. */
function refuseSigned(spec: Command, title: string, words: string[], args: string[]): void {
  const end = words.indexOf("--");
  const front = end < 0 ? words : words.slice(0, end);
  args.forEach((arg, index) => {
    const [place = ""] = spec.args[Math.min(index, spec.args.length - 1)] ?? [];
    if (/^-\d/.test(arg) && /^[<[](tasks|id)\b/.test(place) && front.includes(arg))
      throw unknownOption(spec, title, arg);
  });
}

function checkCount(spec: Command, title: string, args: string[]): void {
  const required = spec.args.filter(([name]) => name.startsWith("<"));
  const missing = required[args.length];
  const hint = `${title} --help`;
  if (missing) throw usage(`${missing[0]} is missing: ${missing[1]}`, { hint, field: missing[0] });
  const takesMany = spec.args.some(([name]) => name.includes("..."));
  const surplus = args[spec.args.length];
  if (!takesMany && surplus !== undefined)
    throw usage(`there is one argument too many: ${JSON.stringify(surplus)}`, { hint });
}

function parseValues(
  spec: Command,
  values: Record<string, unknown>,
  env: Environment,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec.options).map(([name, option]) => [name, parseValue(option, values, env)]),
  );
}

function parseValue(option: OptionSpec<unknown>, values: Record<string, unknown>, env: Environment): unknown {
  const raw = values[attributeOf(longName(option))];
  if (option.parse === null) return longName(option).startsWith("no-") ? raw === false : raw === true;
  if (option.isMany) return ((raw as string[] | undefined) ?? []).map((text) => parseText(option, text, env));
  return raw === undefined || raw === true ? raw : parseText(option, raw as string, env);
}

function parseText(option: OptionSpec<unknown>, text: string, env: Environment): unknown {
  try {
    return option.parse?.(text, env);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new AgentctlError("InvalidParams", { field: `--${longName(option)}`, reason: error.message });
  }
}

function colorOf(text: unknown): ColorChoice {
  const color = colorChoices.find((each) => each === (text ?? "auto"));
  if (color === undefined)
    throw new AgentctlError("InvalidParams", {
      field: "--color",
      reason: `${JSON.stringify(text)} is none of ${colorChoices.join(", ")}`,
    });
  return color;
}

/** Returns whether JSON is wanted, even if the words cannot be parsed. Another program's words do not count. */
export function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).includes("--json");
}
