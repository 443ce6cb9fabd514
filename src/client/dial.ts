import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";

/** What is at the place of the socket when nobody listens: nothing, or what a killed daemon left. */
export type NoAnswer = "absent" | "dead";

export type OnNotification = ConstructorParameters<typeof RpcClient>[1];

/** A connection to the socket, or why there is none. Throws `DaemonUnreachable` for any other failure. */
export async function dial(path: string, onNotification?: OnNotification): Promise<RpcClient | NoAnswer> {
  for (let tries = 0; ; tries++) {
    try {
      return new RpcClient(await connected(path), onNotification);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return "absent";
      if (code === "ECONNREFUSED") return "dead";
      // Linux says EAGAIN when more clients than the backlog holds connect at the same moment.
      if (code !== "EAGAIN" || tries === 200)
        throw new AgentctlError("DaemonUnreachable", { reason: message }, { cause: error });
      await sleep(10 + Math.random() * 40);
    }
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
