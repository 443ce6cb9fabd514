import { connect as connectSocket } from "node:net";
import { connect } from "../../../client/connect.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";

export const stdio = command({
  name: "stdio",
  summary: "join standard input and output to the daemon's socket, for --host on another machine",
  notes: "What --host ssh://box runs on box. The daemon is started where it does not run.",
  args: [],
  options: {},
  examples: [["daemon stdio", "JSON-RPC 2.0, one message a line, as on the socket"]],
  isHere: true,
  async run(context) {
    const { paths, env } = context;
    (await connect({ paths, env, start: "always", anyVersion: true })).close();
    await joined(context);
    return 0;
  },
});

/** Resolves when either side has ended. */
async function joined({ paths, stdin, out }: Context): Promise<void> {
  const socket = connectSocket({ path: paths.socket, allowHalfOpen: true });
  const input = stdin();
  input.on("error", () => socket.destroy());
  out.gone.addEventListener("abort", () => socket.destroy(), { once: true });
  input.pipe(socket);
  try {
    for await (const chunk of socket) await out.bytes(chunk as Buffer);
  } catch (error) {
    if (out.gone.aborted) return;
    throw new AgentctlError("DaemonUnreachable", { reason: (error as Error).message }, { cause: error });
  } finally {
    input.unpipe(socket);
    input.destroy();
    socket.destroy();
  }
}
