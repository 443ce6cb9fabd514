import { accessSync, closeSync, constants, openSync } from "node:fs";
import { installGuard } from "./guard-file.ts";
import { startGuard } from "./guards.ts";
import { createHandle, type Handle } from "./handle.ts";
import { childOf, readRecords, writeRunFile } from "./run-files.ts";
import { startScript } from "./start-script.ts";
import { endedWith, parseStatus } from "./status.ts";
import type { Supervision } from "./supervision.ts";
import type { LaunchSpec, Running } from "./types.ts";
import { watch } from "./watch.ts";

const CANNOT_START_CODE = 126;

/** How many guards are started for an attempt, if the first ones end before they have started the program. */
const MAX_GUARDS = 3;

/** Starts a program under a guard. See `Runner.launch`. */
export function launch(spec: LaunchSpec, supervision: Supervision): Running {
  const handle = createHandle(spec, null, null, performance.now());
  try {
    accessSync(spec.cwd, constants.X_OK);
    writeRunFile(supervision.runDir, spec.key, startScript(spec));
    startNth(handle, spec, supervision, 1);
    watch(handle, supervision);
  } catch (error) {
    fail(handle, supervision, error as Error);
  }
  return handle.running;
}

function fail(handle: Handle, { clock }: Supervision, cause: Error): void {
  handle.rejectStart(cause);
  handle.end(endedWith(CANNOT_START_CODE, clock.now()));
}

/** Starts the `n`th guard of the attempt. */
function startNth(handle: Handle, spec: LaunchSpec, supervision: Supervision, n: number): void {
  const { processes, clock, runDir, shell, namespaceLock } = supervision;
  const { key, token, inherited } = spec;
  const script = installGuard(runDir);
  const log = openSync(spec.logFile, "a", 0o600);
  const options = { shell, script, runDir, key, token, log, namespaceLock, nice: inherited.nice };
  const guard = startGuard(options, processes, {
    onBorn: (pid) => handle.setProgram(childOf(guard?.pid ?? 0, pid, processes)),
    onEnded(status) {
      handle.setGuard(null);
      const ended = parseStatus(status, clock.now());
      if (ended) handle.end(ended);
    },
    onGone(wasKilled) {
      handle.setGuard(null);
      const records = readRecords(runDir, key, processes);
      if (records?.birth) handle.setProgram(records.birth.program);
      if (records?.ended) return handle.end(records.ended);
      // A guard that was killed may have left a subshell that is about to become the program.
      if (handle.running.program || wasKilled) return;
      if (n < MAX_GUARDS) return retry(handle, spec, supervision, n + 1);
      const cause = `its guard exited ${n} times before it started the program; agentctl doctor searches for the cause`;
      fail(handle, supervision, new Error(cause));
    },
    onRefused: (cause) => fail(handle, supervision, cause),
  });
  closeSync(log);
  if (guard) handle.setGuard(guard);
}

function retry(handle: Handle, spec: LaunchSpec, supervision: Supervision, n: number): void {
  try {
    startNth(handle, spec, supervision, n);
  } catch (error) {
    fail(handle, supervision, error as Error);
  }
}
