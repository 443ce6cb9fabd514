import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";

/** What is at the socket's path when nobody listens: nothing, or the socket of a killed daemon. */
export type NoAnswer = "absent" | "dead";

export type OnNotification = ConstructorParameters<typeof RpcClient>[1];

/** Connects to the socket, or returns why nobody listens. Throws `DaemonUnreachable` for any other failure. */
export async function dial(path: string, onNotification?: OnNotification): Promise<RpcClient | NoAnswer> {
  for (let tries = 0; ; tries++) {
    try {
      return new RpcClient(await openSocket(path), onNotification);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return "absent";
      if (code === "ECONNREFUSED") return "dead";
      // Linux returns EAGAIN when more clients connect at once than the backlog holds.
      if (code !== "EAGAIN" || tries === 200)
        throw new AgentctlError("DaemonUnreachable", { reason: message }, { cause: error });
      await sleep(10 + Math.random() * 40);
    }
  }
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
