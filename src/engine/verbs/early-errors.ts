/** Every error that can be known at submission is reported at submission, and nothing is stored. */
import { accessSync, constants, type Stats, statSync } from "node:fs";
import { type AgentFacts, agentNamed } from "../../core/agents.ts";
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import type { Seed } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { EnvFileRefused, readEnvFile } from "../files/env-file.ts";
import { taskEnvironment } from "../files/environment.ts";
import { isNoRoom } from "../no-room.ts";

/** The hint for a file that may exist when the task starts. */
const MISSING_HINT = "acceptMissing submits it all the same, for what exists only later";

/** A delay may have been computed before the daemon had to start, so a time this recent (in ms) is not in the past. */
const MAX_DELAY_MS = 60_000;

/** The fields of a task that determine whether it can start. */
type Submittable = Pick<
  Seed,
  "argv" | "module" | "agent" | "cwd" | "envHash" | "envFile" | "stdin" | "notBefore"
>;

interface EarlyRefusal {
  field: string;
  reason: string;
  /** The file or program is missing, but may exist when the task starts. */
  isMissing: boolean;
  /** 126 or 127 for a program; absent for a usage error. */
  exitCode?: number;
  /** What helps, instead of waiting for a file. */
  hint?: string;
}

/**
 * Throws `InvalidParams`, which names the field, if the task could never start as submitted: because of its directory,
 * module, file of variables, program or time, or the size of its arguments and variables. With `acceptMissing`, missing
 * files may appear later.
 */
export function refuseEarly(engine: Engine, seed: Submittable, acceptMissing: boolean): void {
  for (const check of [timeRefusal, directoryRefusal, envFileRefusal, stdinRefusal, workRefusal]) {
    const refusal = skipIfFull(() => check(engine, seed));
    if (!refusal || (refusal.isMissing && acceptMissing)) continue;
    const { field, reason, isMissing, exitCode, hint } = refusal;
    const data = { field, reason, ...(exitCode === undefined ? {} : { exitCode }) };
    throw new AgentctlError(
      "InvalidParams",
      data,
      defined({ hint: hint ?? (isMissing ? MISSING_HINT : undefined) }),
    );
  }
}

/** Skips a check if the system has no room even for the check; the start will report the error then. */
function skipIfFull(check: () => EarlyRefusal | undefined): EarlyRefusal | undefined {
  try {
    return check();
  } catch (error) {
    if (isNoRoom((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
}

function timeRefusal({ clock }: Engine, { notBefore }: Submittable): EarlyRefusal | undefined {
  if (notBefore === null || notBefore >= clock.now() - MAX_DELAY_MS) return undefined;
  return { field: "notBefore", reason: `${toIso(notBefore)} is in the past`, isMissing: false };
}

function directoryRefusal(_engine: Engine, { cwd }: Submittable): EarlyRefusal | undefined {
  const refuse = (problem: string, isMissing: boolean) => ({
    field: "cwd",
    reason: `${cwd} ${problem}`,
    isMissing,
  });
  try {
    if (!statSync(cwd).isDirectory()) return refuse("is not a directory", false);
    accessSync(cwd, constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isNoRoom(code)) throw error;
    if (code === "ENOENT") return refuse("does not exist", true);
    return refuse(`cannot be entered (${code})`, false);
  }
}

function envFileRefusal(_engine: Engine, { envFile }: Submittable): EarlyRefusal | undefined {
  try {
    if (envFile !== null) readEnvFile(envFile);
    return undefined;
  } catch (error) {
    if (!(error instanceof EnvFileRefused)) throw error;
    return { field: "envFile", reason: error.message, isMissing: error.isMissing };
  }
}

function stdinRefusal(_engine: Engine, { stdin }: Submittable): EarlyRefusal | undefined {
  if (stdin === null || stdin === "pipe" || stdin === "-") return undefined;
  return fileRefusal("stdin", stdin, (stat) => !stat.isDirectory());
}

function workRefusal(
  engine: Engine,
  { argv, module, agent, cwd, ...seed }: Submittable,
): EarlyRefusal | undefined {
  const details = agent === null ? undefined : agentNamed(agent, engine.settings.agents);
  if (details) return agentRefusal(engine, details, cwd, variablesOf(engine, seed));
  if (module) return moduleRefusal(module.path);
  const variables = variablesOf(engine, seed);
  // Without the variables we do not know where to search. The directory has been checked already.
  const refusal = variables && engine.runner.cannotStart(argv ?? [], cwd, variables, engine.places.path);
  // The content of a script may change until it starts.
  if (!refusal || refusal.cause === "cwd" || refusal.cause === "script") return undefined;
  const isMissing = refusal.cause === "program";
  const { message: reason, exitCode, hint } = refusal;
  return { field: "argv", reason, isMissing, ...(isMissing ? { exitCode } : {}), ...defined({ hint }) };
}

function agentRefusal(
  engine: Engine,
  { name, argv, install }: AgentFacts,
  cwd: string,
  variables: Record<string, string> | undefined,
): EarlyRefusal | undefined {
  const refusal = variables && engine.runner.cannotStart([...argv], cwd, variables, engine.places.path);
  if (refusal?.cause !== "program") return undefined;
  const reason = `${name}: ${refusal.message}; ${install} installs it`;
  return { field: "agent", reason, isMissing: true, exitCode: refusal.exitCode };
}

/** Returns undefined if its file of variables cannot be read. */
function variablesOf(engine: Engine, { envHash, envFile }: Pick<Seed, "envHash" | "envFile">) {
  try {
    return taskEnvironment(engine, { envHash, envFile });
  } catch {
    return undefined;
  }
}

function moduleRefusal(path: string): EarlyRefusal | undefined {
  return fileRefusal("module", path, (stat) => stat.isFile());
}

function fileRefusal(
  field: string,
  path: string,
  isAccepted: (stat: Stats) => boolean,
): EarlyRefusal | undefined {
  const refuse = (problem: string, isMissing: boolean) => ({
    field,
    reason: `${path} ${problem}`,
    isMissing,
  });
  try {
    if (!isAccepted(statSync(path))) return refuse("is not a file", false);
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isNoRoom(code)) throw error;
    return code === "ENOENT" ? refuse("does not exist", true) : refuse(`cannot be read (${code})`, false);
  }
}
