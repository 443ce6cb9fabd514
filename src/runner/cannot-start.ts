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
    // Most folders of a PATH do not have the file, and an exception for each of them is expensive.
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
  /** Whether the line ends as in DOS, so that a carriage return is part of its last word. */
  isDos: boolean;
}

/** Returns the interpreter that the first line of a script names. */
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
    // A program may be executable but not readable.
    return undefined;
  }
  const [, path, rest = ""] = /^#![ \t]*([^ \t\n]+)([^\n]*)/.exec(head.toString("latin1", 0, length)) ?? [];
  return path === undefined ? undefined : { path, isDos: path.endsWith("\r") || rest.endsWith("\r") };
}

function refuseDirectory(program: string, cwd: string): StartRefusal | undefined {
  const refuse = (reason: string): StartRefusal => ({
    exitCode: 126,
    cause: "cwd",
    message: `cannot start ${program}: its working directory ${cwd} ${reason}`,
  });
  try {
    if (!statSync(cwd).isDirectory()) return refuse("is not a directory");
    accessSync(cwd, constants.X_OK);
    return undefined;
  } catch (error) {
    return refuse(codeOf(error) === "EACCES" ? "may not be entered" : "does not exist");
  }
}

/** The longest single argument or variable that Linux accepts: MAX_ARG_STRLEN in linux/binfmts.h, without its NUL. */
const MAX_WORD_BYTES = 131_071;
/** In total, Linux accepts a quarter of the stack limit, but within these: ARG_MAX, 3/4 of _STK_LIM (fs/exec.c). */
const MIN_TOTAL_BYTES = 131_072;
const MAX_TOTAL_BYTES = 6 * 1024 * 1024;
/** Reserved for the variables that agentctl adds and for what the kernel adds. */
const RESERVED_BYTES = 8192;
const POINTER_BYTES = 8;

const bytesOf = (word: string) => Buffer.byteLength(word) + 1 + POINTER_BYTES;

/** Fewer arguments than this, each below the limit for a single one, are not counted: they are never too large. */
const MAX_UNCOUNTED_WORDS = 8;

let maxBytes: number | undefined;

/** Returns how many bytes of arguments and variables the system accepts, with the stack limit of this process. */
function maxTotalBytes(): number {
  if (maxBytes !== undefined) return maxBytes;
  let stack = Number.NaN;
  try {
    stack = Number(/^Max stack size +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1]);
  } catch {
    // Without this file, the upper bound applies.
  }
  const share = Number.isNaN(stack) ? MAX_TOTAL_BYTES : Math.floor(stack / 4);
  maxBytes = Math.min(Math.max(share, MIN_TOTAL_BYTES), MAX_TOTAL_BYTES) - RESERVED_BYTES;
  return maxBytes;
}

function refuseLength(
  program: string,
  argv: string[],
  env: Readonly<Record<string, string>>,
): StartRefusal | undefined {
  if (process.platform !== "linux") return undefined;
  const isLong = (word: string) =>
    word.length * 3 > MAX_WORD_BYTES && Buffer.byteLength(word) > MAX_WORD_BYTES;
  const name = program.length > 100 ? `${program.slice(0, 100)}…` : program;
  const refuse = (reason: string): StartRefusal => ({
    exitCode: 126,
    cause: "size",
    message: `cannot start ${name}: ${reason} (E2BIG); pass the data in a file instead`,
  });
  if (argv.some(isLong))
    return refuse(`an argument is longer than the ${MAX_WORD_BYTES} bytes that the system accepts`);
  const variables = Object.entries(env);
  const longVariable = variables.find(([key, value]) => isLong(`${key}=${value}`));
  if (longVariable)
    return refuse(
      `the variable ${longVariable[0]} is longer than the ${MAX_WORD_BYTES} bytes that the system accepts`,
    );
  let total = 0;
  for (const word of argv) total += bytesOf(word);
  for (const [key, value] of variables) total += bytesOf(key) + bytesOf(value);
  if (total <= maxTotalBytes()) return undefined;
  return refuse(
    `arguments and variables have ${total} bytes together, and the system accepts ${maxTotalBytes()}`,
  );
}

/** Returns why a script cannot be started. env(1) searches for the name after it, even if that ends in "\r". */
function refuseInterpreter(
  { path, isDos }: Interpreter,
  program: string,
  cwd: string,
): StartRefusal | undefined {
  const isAbsent = inspect(resolve(cwd, path)) === "absent";
  if (!isAbsent && !(isDos && basename(path) === "env")) return undefined;
  const name = path.replace(/\r$/, "\\r");
  const reason = `its first line ends with CRLF, so the interpreter's name contains a carriage return; sed -i 's/\\r$//' ${program} removes it`;
  const message = `cannot start ${program}: ${isDos ? reason : `its interpreter ${name} was not found`}`;
  return { exitCode: 127, cause: isDos ? "script" : "program", message };
}

/** A program, not a script, that could be started, and how it was found. */
interface CheckedProgram {
  program: string;
  cwd: string;
  env: Readonly<Record<string, string>>;
  file: string;
  stamp: string;
}

/** The last program found. Most tasks that start one after the other run the same program. */
let lastProgram: CheckedProgram | undefined;

/** Returns a text that changes whenever something happens that may keep the program from being started. */
function stampOf(file: string, cwd: string): string {
  const stamps = [file, cwd].map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat && `${stat.dev} ${stat.ino} ${stat.ctimeMs}`;
  });
  return stamps.includes(undefined) ? "" : stamps.join(" ");
}

function isUnchanged(argv: string[], cwd: string, env: CheckedProgram["env"]): boolean {
  if (!lastProgram || lastProgram.program !== argv[0] || lastProgram.cwd !== cwd || lastProgram.env !== env)
    return false;
  return (
    argv.length < MAX_UNCOUNTED_WORDS &&
    argv.every((word) => word.length * 3 <= MAX_WORD_BYTES) &&
    stampOf(lastProgram.file, cwd) === lastProgram.stamp
  );
}

/**
 * Returns why execvp would not start `argv[0]`, or undefined if it can be started. The exit code is 127 if the program
 * is not found. It is 126 if the program is a directory or not executable, or if the working directory does not exist.
 * `firstFolder` is a folder that the task has in front of its PATH.
 */
export function cannotStart(
  argv: string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  firstFolder?: string,
): StartRefusal | undefined {
  if (isUnchanged(argv, cwd, env)) return undefined;
  const program = argv[0] ?? "";
  const refuse = (exitCode: 126 | 127, reason: string): StartRefusal => ({
    exitCode,
    cause: "program",
    message: `cannot start ${program}: ${reason}`,
  });
  if (program === "") return { ...refuse(127, ""), message: "cannot start a program without a name" };
  const refusal = refuseDirectory(program, cwd) ?? refuseLength(program, argv, env);
  if (refusal) return refusal;

  const match = lookUp(program, cwd, env, firstFolder);
  if (match.finding === "startable") {
    const { file } = match;
    const interpreter = interpreterOf(file);
    if (interpreter === undefined) lastProgram = { program, cwd, env, file, stamp: stampOf(file, cwd) };
    return interpreter && refuseInterpreter(interpreter, program, cwd);
  }
  if (match.finding === "directory")
    return { ...refuse(126, "it is a directory"), hint: "name a program, such as one in that directory" };
  if (match.finding === "not executable")
    return {
      ...refuse(126, "it is not executable"),
      hint: `chmod +x ${program.includes("/") ? program : match.file} makes it executable`,
    };
  return refuse(127, `it was not found${searched(program, cwd)}`);
}

/** Returns where a program was looked for. A command takes a name such as `task.mjs` for a module if there is the file. */
function searched(program: string, cwd: string): string {
  if (program.startsWith("/")) return "";
  if (program.includes("/")) return ` in ${cwd}`;
  return /\.[cm]?jsx?$/.test(program) ? ` on the PATH, nor as a task module in ${cwd}` : " on the PATH";
}

/** Returns the file that execvp would start in `cwd` with the PATH of `env`, or undefined if there is none. */
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
  firstFolder?: string,
): { file: string; finding: Finding } {
  const pathFolders = [
    ...(firstFolder === undefined ? [] : [firstFolder]),
    ...(env.PATH ?? DEFAULT_PATH).split(":"),
  ];
  const folders = program.includes("/") ? [""] : pathFolders;
  let best: { file: string; finding: Finding } = { file: program, finding: "absent" };
  for (const folder of folders) {
    const file = resolve(cwd, folder, program);
    const finding = inspect(file);
    if (finding === "startable") return { file, finding };
    // Like execvp, continue the search, but remember that there was a file.
    if (finding !== "absent") best = { file, finding };
  }
  return best;
}
