import { createHash } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import guardScript from "./guard.sh";
import { createHandle, type Handle } from "./handle.ts";
import { endedWith, GUARD_NAME, readRecords, runText } from "./run-files.ts";
import { startScript } from "./start-script.ts";
import type { Supervision } from "./supervision.ts";
import type { LaunchSpec, Running } from "./types.ts";
import { watch } from "./watch.ts";

/**
 * Puts the guard's script where guards read it, and gives its path. The name follows from its content: an upgrade
 * never changes the script under a guard that is still reading it.
 */
export function installGuard(runDir: string): string {
  const hash = createHash("sha256").update(guardScript).digest("hex").slice(0, 8);
  const file = join(runDir, `${GUARD_NAME}-${hash}.sh`);
  // A power failure may have left the name without the content.
  if (existsSync(file) && readFileSync(file, "utf8") === guardScript) return file;
  writeFileSync(`${file}.new`, guardScript, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return file;
}

const CANNOT_START = 126;

/** Starts a program under a guard. See `Runner.launch`. */
export function launch(spec: LaunchSpec, supervision: Supervision): Running {
  const { clock, folder, umask } = supervision;
  const handle = createHandle(spec, null, null, performance.now());
  try {
    accessSync(spec.cwd, constants.X_OK);
    closeSync(openSync(spec.logFile, "a", 0o600));
    folder.put(spec.key, runText(startScript(spec, umask)));
    hand(handle, spec, supervision);
  } catch (error) {
    handle.failedToStart(error as Error);
    handle.end(endedWith(CANNOT_START, clock.now()));
  }
  return handle.running;
}

/** Hands the attempt to a guard. */
function hand(handle: Handle, spec: LaunchSpec, supervision: Supervision): void {
  const { processes, clock, folder, guards } = supervision;
  let isOver = false;
  const id = guards.run({
    key: spec.key,
    born(program) {
      handle.born(program);
      // While its guard lives, by which it is known; one whose end was told with its birth is spared the look.
      setImmediate(() => isOver || program.startTime);
    },
    ended(status) {
      isOver = true;
      // From here on what the guard runs is of another attempt.
      handle.guardIs(null);
      handle.end(endedWith(status, clock.now()));
    },
    guardGone(isBegun) {
      handle.guardIs(null);
      const records = readRecords(folder.path, spec.key, processes);
      if (!records?.birth && !isBegun) return hand(handle, spec, supervision);
      if (records?.birth) handle.born(records.birth);
      if (records?.ended) return handle.end(records.ended);
      watch(handle, supervision);
    },
    refused(cause) {
      handle.failedToStart(cause);
      handle.end(endedWith(CANNOT_START, clock.now()));
    },
  });
  if (id) handle.guardIs(id);
}
