import { systemClock } from "../core/time.ts";
import { dispatch } from "./command/dispatch.ts";

dispatch(process.argv.slice(2), {
  env: process.env,
  directory: () => process.cwd(),
  useHome: (home) => {
    process.env.AGENTCTL_HOME = home;
  },
  clock: systemClock,
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
}).then(
  (code) => {
    process.exitCode = code;
    setImmediate(endAtOnce);
  },
  (error: unknown) => {
    process.exitCode = 70;
    throw error;
  },
);

/** Exits at once if all output is written, which saves the time that Node takes to free its heap. */
function endAtOnce(): void {
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
}
