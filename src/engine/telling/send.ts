import type { Clock } from "../../core/time.ts";
import type { Send } from "./answer.ts";
import { runProgram } from "./program.ts";

/** Sends to the program or the address of a hook. `env` and `cwd` are those of a hook's program. */
export function sender(surroundings: { env: Record<string, string>; cwd: string; clock: Clock }): Send {
  const { clock } = surroundings;
  return async ({ target, push }, message, signal) => {
    if ("run" in target) return await runProgram({ argv: target.run, ...surroundings }, message, signal);
    // Loaded where it is used: a daemon without web hooks does not pay for the web's part of Node.
    const { postWebhook } = await import("./webhook.ts");
    return await postWebhook(
      { ...target, clock, ...(push ? { headers: push.headers } : {}) },
      message,
      signal,
    );
  };
}
