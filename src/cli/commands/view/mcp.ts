import { createRequire } from "node:module";
import { join } from "node:path";
import type { Method, Params } from "../../../protocol/methods.ts";
import { command, flag, value } from "../../command/define.ts";
import { callDaemon } from "../../command/session.ts";
import { callerEnvironment } from "../../input/caller-environment.ts";

export const mcp = command({
  name: "mcp",
  summary: "serve tasks as tools to an agent, over the Model Context Protocol on stdin and stdout",
  notes:
    "For the MCP configuration of an agent, not for people. Tasks that the agent starts get the environment and the directory of this command.",
  args: [],
  options: {
    readOnly: flag("--read-only", "only tools that read"),
    queue: value("-q, --queue <queue>", "only tasks of this queue; new tasks go into it"),
  },
  examples: [
    ["mcp", "all tools"],
    ["mcp --read-only --queue nightly", "an agent that watches one queue"],
  ],
  async run(context, _args, { readOnly, queue }) {
    // The path is computed at run time, so that the bundler keeps the file out of this bundle.
    const file = join(import.meta.dirname, "mcp.cjs");
    const { serveOverStdio } = createRequire(file)(file) as typeof import("../../../mcp/serve.ts");
    await serveOverStdio({
      call: (method, params) => callDaemon(context, method as Method, params as Params<Method>),
      version: __VERSION__,
      isReadOnly: readOnly,
      queue: queue ?? null,
      env: context.host ? null : callerEnvironment(context),
      cwd: context.host ? null : context.cwd,
    });
    return 0;
  },
});
