import { connect as connectSocket } from "node:net";
import { connect } from "../../../client/connect.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";

export const stdio = command({
  name: "stdio",
  summary: "join standard input and output to the daemon's socket, for --host on another machine",
  notes: "--host ssh://box runs this on box. It starts the daemon if none runs.",
  args: [],
  options: {},
  examples: [["daemon stdio", "JSON-RPC 2.0, one message a line, as on the socket"]],
  ignoresTarget: true,
  async run(context) {
    const { paths, env } = context;
    (await connect({ paths, env, start: "always", anyVersion: true })).close();
    await joinStreams(context);
    return 0;
  },
});

/** How often to check whether a caller that sends nothing more is still there, in ms. */
const CHECK_INTERVAL_MS = 1000;
const LINE_BREAK = 10;

/**
 * Joins stdin and stdout to the socket, until the daemon has sent all responses or nobody reads them. A caller that has
 * gone looks like one that only closed its side and still reads. Only a write tells them apart, and sshd gives its
 * sessions pipes, to which an empty write always succeeds. So we write a space, which JSON allows before a line.
 */
async function joinStreams({ paths, stdin, out }: Context): Promise<void> {
  const socket = connectSocket({ path: paths.socket, allowHalfOpen: true });
  const input = stdin();
  let isBetweenLines = true;
  let checkTimer: NodeJS.Timeout | undefined;
  input.on("error", () => socket.destroy());
  input.once("end", () => {
    checkTimer = setInterval(() => isBetweenLines && void out.bytes(Buffer.from(" ")), CHECK_INTERVAL_MS);
  });
  out.gone.addEventListener("abort", () => socket.destroy(), { once: true });
  input.pipe(socket);
  try {
    for await (const chunk of socket) {
      isBetweenLines = (chunk as Buffer).at(-1) === LINE_BREAK;
      await out.bytes(chunk as Buffer);
    }
  } catch (error) {
    if (out.gone.aborted) return;
    throw new AgentctlError("DaemonUnreachable", { reason: (error as Error).message }, { cause: error });
  } finally {
    clearInterval(checkTimer);
    input.unpipe(socket);
    input.destroy();
    socket.destroy();
  }
}
