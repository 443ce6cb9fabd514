import { chmodSync, existsSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { Connection, type Request } from "./connection.ts";

/**
 * Listens on the socket, which only its owner may open. The caller holds the lock of the home, so a file that is in
 * the way belongs to a daemon that is dead.
 */
export async function listen(
  path: string,
  serve: (request: Request, connection: Connection) => Promise<unknown>,
): Promise<{ close: () => Promise<void> }> {
  const connections = new Set<Connection>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, serve);
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  });
  rmSync(path, { force: true });
  await bind(server, path);
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.end();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
      if (existsSync(path)) rmSync(path, { force: true });
    },
  };
}

async function bind(server: Server, path: string): Promise<void> {
  // Between bind and chmod the mode is that of the umask.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => resolve());
    });
    chmodSync(path, 0o600);
  } finally {
    process.umask(umask);
  }
}
