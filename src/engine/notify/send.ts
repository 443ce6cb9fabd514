import type { Clock } from "../../core/time.ts";
import type { Send } from "./answer.ts";
import { runProgram } from "./program.ts";

/** Returns a function that sends to the program or the address of a hook. `env` and `cwd` are for programs. */
export function sender(context: { env: Record<string, string>; cwd: string; clock: Clock }): Send {
  const { clock } = context;
  return async ({ target, push }, message, signal) => {
    if ("run" in target) return await runProgram({ argv: target.run, ...context }, message, signal);
    // Loaded only here, so that a daemon without web hooks does not load Node's web modules.
    const { postWebhook } = await import("./webhook.ts");
    return await postWebhook(
      { ...target, clock, ...(push ? { headers: push.headers } : {}) },
      message,
      signal,
    );
  };
}
