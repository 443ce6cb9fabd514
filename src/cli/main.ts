import { systemClock } from "../core/time.ts";
import { dispatch } from "./dispatch.ts";

dispatch(process.argv.slice(2), {
  env: process.env,
  directory: () => process.cwd(),
  clock: systemClock,
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
}).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = 70;
    throw error;
  },
);
