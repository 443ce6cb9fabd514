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
    socket.on("data", () => holdTo(connections, connection.waitingBytes));
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

/** So many bytes of unfinished lines are kept over all connections. */
const MOST_WAITING_BYTES = 256 * 1024 * 1024;
/** What a connection may keep without the others being looked at. */
const LITTLE_BYTES = 1024 * 1024;

/** Ends the connection that keeps the most where all together keep too much, so that those who keep little go on. */
function holdTo(connections: ReadonlySet<Connection>, grownTo: number): void {
  if (grownTo <= LITTLE_BYTES) return;
  let total = 0;
  let largest: Connection | undefined;
  for (const connection of connections) {
    total += connection.waitingBytes;
    if (connection.waitingBytes > (largest?.waitingBytes ?? -1)) largest = connection;
  }
  if (total > MOST_WAITING_BYTES) largest?.refuse("too many bytes wait for the end of their lines");
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
