import { spawn } from "node:child_process";
import type { AgentctlError } from "../../../core/errors.ts";
import { detachedBy, TOKEN_VARIABLE, TREE_VARIABLE } from "../../../home/tree-marker.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { usage } from "../../command/usage.ts";

/** The exit codes of `sh` for a program that does not exist, or that cannot be executed. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Starts a program that stays unaffected when the calling task ends, or is paused or canceled. */
export const detach = command({
  name: "detach",
  summary: "run a program outside of the tree of the task that calls this, such as a server that stays up",
  args: [
    ["<program>", "what to run: a name on PATH, or a path"],
    ["[args...]", "its arguments, as they are"],
  ],
  options: {},
  // Options after the program's name belong to that program.
  acceptsOptionsAfter: () => false,
  examples: [
    ["detach -- my-server --port 8080", "in a script that agentctl runs; prints the pid of the server"],
    ["detach -- sh -c 'exec my-server >server.log 2>&1'", "with its output in a file of its own"],
  ],
  ignoresTarget: true,
  async run(context, [program, ...args]) {
    const pid = await start(context, program as string, args);
    if (context.out.json) context.out.data({ pid });
    else context.out.line(String(pid));
    return 0;
  },
});

/**
 * Starts the program in its own session, without the markers of the task's process tree and with one that excludes it.
 * Its stdin is empty, and its output goes where this command's output goes.
 */
async function start({ env, cwd }: Context, program: string, args: string[]): Promise<number> {
  const { [TOKEN_VARIABLE]: _, [TREE_VARIABLE]: __, ...inherited } = env;
  const child = spawn(program, args, {
    cwd,
    env: { ...inherited, ...detachedBy(env) },
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid ?? 0));
    child.once("error", (error: NodeJS.ErrnoException) => reject(startError(program, error)));
  });
  child.unref();
  return pid;
}

function startError(program: string, error: NodeJS.ErrnoException): AgentctlError {
  const isMissing = error.code === "ENOENT";
  const reason = isMissing ? `${program}: there is no such program` : `${program}: ${error.message}`;
  return Object.assign(usage(reason, { field: "program" }), {
    exitCode: isMissing ? NOT_FOUND : NOT_EXECUTABLE,
  });
}
