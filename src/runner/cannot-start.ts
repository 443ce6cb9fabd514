import { accessSync, closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { DEFAULT_PATH } from "../core/inherited.ts";
import type { StartRefusal } from "./types.ts";

type Finding = "startable" | "absent" | "directory" | "not executable";

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}

function inspect(file: string): Finding {
  try {
    // Most places of a PATH do not have it, and an exception for each is dear.
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat) return "absent";
    if (stat.isDirectory()) return "directory";
    accessSync(file, constants.X_OK);
    return "startable";
  } catch (error) {
    return codeOf(error) === "EACCES" || codeOf(error) === "EPERM" ? "not executable" : "absent";
  }
}

interface Interpreter {
  path: string;
  /** The line ends as in DOS, and a carriage return is part of its last word. */
  isDos: boolean;
}

/** The interpreter that the first line of a script names. */
function interpreterOf(file: string): Interpreter | undefined {
  const head = Buffer.alloc(256);
  let length = 0;
  try {
    const fd = openSync(file, "r");
    try {
      length = readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // A program may be executable and not readable.
    return undefined;
  }
  const [, path, rest = ""] = /^#![ \t]*([^ \t\n]+)([^\n]*)/.exec(head.toString("latin1", 0, length)) ?? [];
  return path === undefined ? undefined : { path, isDos: path.endsWith("\r") || rest.endsWith("\r") };
}

function refuseDirectory(program: string, cwd: string): StartRefusal | undefined {
  const refuse = (why: string): StartRefusal => ({
    exitCode: 126,
    cause: "cwd",
    message: `cannot start ${program}: its working directory ${cwd} ${why}`,
  });
  try {
    if (!statSync(cwd).isDirectory()) return refuse("is not a directory");
    accessSync(cwd, constants.X_OK);
    return undefined;
  } catch (error) {
    return refuse(codeOf(error) === "EACCES" ? "may not be entered" : "does not exist");
  }
}

/** Linux takes no single argument or variable of this many bytes: MAX_ARG_STRLEN in linux/binfmts.h, with its NUL. */
const LONGEST_WORD_BYTES = 131_071;
/** Bounds of what Linux takes for all of them, where a quarter of the stack's limit is not between them: ARG_MAX, and 3/4 of _STK_LIM in fs/exec.c. */
const LEAST_TOTAL_BYTES = 131_072;
const MOST_TOTAL_BYTES = 6 * 1024 * 1024;
/** For the variables that agentctl adds, and what the kernel puts beside them. */
const ROOM_BYTES = 8192;
const POINTER_BYTES = 8;

const bytesOf = (word: string) => Buffer.byteLength(word) + 1 + POINTER_BYTES;

/** So few words of less than the longest are never too much. */
const MOST_WORDS_UNCOUNTED = 8;

let mostBytes: number | undefined;

/** How many bytes of arguments and variables the system passes on, with the stack that this process may have. */
function mostTotalBytes(): number {
  if (mostBytes !== undefined) return mostBytes;
  let stack = Number.NaN;
  try {
    stack = Number(/^Max stack size +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1]);
  } catch {
    // Without the file the largest bound holds.
  }
  const share = Number.isNaN(stack) ? MOST_TOTAL_BYTES : Math.floor(stack / 4);
  mostBytes = Math.min(Math.max(share, LEAST_TOTAL_BYTES), MOST_TOTAL_BYTES) - ROOM_BYTES;
  return mostBytes;
}

function refuseLength(
  program: string,
  argv: string[],
  env: Readonly<Record<string, string>>,
): StartRefusal | undefined {
  if (process.platform !== "linux") return undefined;
  const isLong = (word: string) =>
    word.length * 3 > LONGEST_WORD_BYTES && Buffer.byteLength(word) > LONGEST_WORD_BYTES;
  const name = program.length > 100 ? `${program.slice(0, 100)}…` : program;
  const refuse = (why: string): StartRefusal => ({
    exitCode: 126,
    cause: "size",
    message: `cannot start ${name}: ${why} (E2BIG); a file can pass it on`,
  });
  if (argv.some(isLong))
    return refuse(`an argument is longer than the ${LONGEST_WORD_BYTES} bytes that the system takes`);
  const variables = Object.entries(env);
  const long = variables.find(([key, value]) => isLong(`${key}=${value}`));
  if (long)
    return refuse(
      `the variable ${long[0]} is longer than the ${LONGEST_WORD_BYTES} bytes that the system takes`,
    );
  let total = 0;
  for (const word of argv) total += bytesOf(word);
  for (const [key, value] of variables) total += bytesOf(key) + bytesOf(value);
  if (total <= mostTotalBytes()) return undefined;
  return refuse(
    `arguments and variables have ${total} bytes together, and the system takes ${mostTotalBytes()}`,
  );
}

/** Why a script cannot be started; env(1) looks for the name behind it, with whatever that ends in. */
function refuseInterpreter(
  { path, isDos }: Interpreter,
  program: string,
  cwd: string,
): StartRefusal | undefined {
  const isAbsent = inspect(resolve(cwd, path)) === "absent";
  if (!isAbsent && !(isDos && basename(path) === "env")) return undefined;
  const name = path.replace(/\r$/, "\\r");
  const why = `its lines end as in DOS, so that a carriage return is part of the interpreter's name; sed -i 's/\\r$//' ${program} mends it`;
  const message = `cannot start ${program}: ${isDos ? why : `its interpreter ${name} was not found`}`;
  return { exitCode: 127, cause: isDos ? "script" : "program", message };
}

/** A program that could be started, no script, and what it was found by. */
interface Found {
  program: string;
  cwd: string;
  env: Readonly<Record<string, string>>;
  file: string;
  stamp: string;
}

/** The last one: most tasks that begin one after the other run the same program. */
let last: Found | undefined;

/** Changes with whatever may make of a program that can be started one that cannot. */
function stampOf(file: string, cwd: string): string {
  const stamps = [file, cwd].map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat && `${stat.dev} ${stat.ino} ${stat.ctimeMs}`;
  });
  return stamps.includes(undefined) ? "" : stamps.join(" ");
}

function isAsLast(argv: string[], cwd: string, env: Found["env"]): boolean {
  if (!last || last.program !== argv[0] || last.cwd !== cwd || last.env !== env) return false;
  return (
    argv.length < MOST_WORDS_UNCOUNTED &&
    argv.every((word) => word.length * 3 <= LONGEST_WORD_BYTES) &&
    stampOf(last.file, cwd) === last.stamp
  );
}

/**
 * Why execvp would not start `argv[0]`: not found is 127; not executable, a directory, or a working directory that is
 * not there, 126. Undefined when it can be started. `before` is a folder that the task has in front of its PATH.
 */
export function cannotStart(
  argv: string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  before?: string,
): StartRefusal | undefined {
  if (isAsLast(argv, cwd, env)) return undefined;
  const program = argv[0] ?? "";
  const refuse = (exitCode: 126 | 127, why: string): StartRefusal => ({
    exitCode,
    cause: "program",
    message: `cannot start ${program}: ${why}`,
  });
  if (program === "") return { ...refuse(127, ""), message: "cannot start a program without a name" };
  const refusal = refuseDirectory(program, cwd) ?? refuseLength(program, argv, env);
  if (refusal) return refusal;

  const found = lookUp(program, cwd, env, before);
  if (found.finding === "startable") {
    const { file } = found;
    const interpreter = interpreterOf(file);
    if (interpreter === undefined) last = { program, cwd, env, file, stamp: stampOf(file, cwd) };
    return interpreter && refuseInterpreter(interpreter, program, cwd);
  }
  if (found.finding === "directory") return refuse(126, "it is a directory");
  if (found.finding === "not executable") return refuse(126, "it is not executable");
  return refuse(127, `it was not found${program.includes("/") ? "" : " on the PATH"}`);
}

/** The file that execvp would start, in `cwd` with the PATH of `env`; undefined where there is none. */
export function findProgram(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): string | undefined {
  const { file, finding } = lookUp(program, cwd, env);
  return finding === "startable" ? file : undefined;
}

function lookUp(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  before?: string,
): { file: string; finding: Finding } {
  const onPath = [...(before === undefined ? [] : [before]), ...(env.PATH ?? DEFAULT_PATH).split(":")];
  const places = program.includes("/") ? [""] : onPath;
  let best: { file: string; finding: Finding } = { file: program, finding: "absent" };
  for (const place of places) {
    const file = resolve(cwd, place, program);
    const finding = inspect(file);
    if (finding === "startable") return { file, finding };
    // As execvp does, go on looking, and remember that there was something.
    if (finding !== "absent") best = { file, finding };
  }
  return best;
}
