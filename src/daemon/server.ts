import { chmodSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { Connection } from "./connection.ts";
import type { Dispatch } from "./dispatch.ts";

/** The socket that a daemon listens on. */
export interface Listener {
  /** Listens again if the socket's file is gone or was replaced. Returns true if it had to. */
  keepListening(): Promise<boolean>;
  /** Ends all connections, and removes the socket's file if this listener made it. */
  close(): Promise<void>;
}

/** A server, and the socket's file that it made. */
interface Bound {
  server: Server;
  path: string;
  ino: number;
}

/**
 * Listens on the socket, which only its owner may open. `place` returns its path. The caller holds the lock of the
 * home, so a file that is already there belongs to a dead daemon.
 */
export async function listen(place: () => string, dispatch: Dispatch): Promise<Listener> {
  const connections = new Set<Connection>();
  const open = () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new Connection(socket, dispatch);
      connections.add(connection);
      socket.once("close", () => connections.delete(connection));
      socket.on("data", () => enforceMemoryLimit(connections, connection.waitingBytes));
    });
    return bind(server, place());
  };
  let bound = await open();
  let isClosed = false;
  return {
    keepListening: async () => {
      if (isClosed || hasSocketFile(bound)) return false;
      const previous = bound;
      bound = await open();
      // Existing connections stay. No new client can reach the old socket.
      previous.server.close();
      if (isClosed) {
        bound.server.close();
        if (hasSocketFile(bound)) rmSync(bound.path, { force: true });
      }
      return !isClosed;
    },
    close: async () => {
      isClosed = true;
      if (hasSocketFile(bound)) rmSync(bound.path, { force: true });
      const closed = new Promise<void>((resolve) => bound.server.close(() => resolve()));
      for (const connection of connections) connection.end();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
    },
  };
}

function hasSocketFile({ path, ino }: Bound): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
}

/** How many bytes of unfinished lines are kept over all connections. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;
/** How many bytes a connection may keep before we check all connections. */
const CHECK_FROM_BYTES = 1024 * 1024;

/** If all connections together keep too much, ends the one that keeps the most, so that the others go on. */
function enforceMemoryLimit(connections: ReadonlySet<Connection>, waitingBytes: number): void {
  if (waitingBytes <= CHECK_FROM_BYTES) return;
  let total = 0;
  let largest: Connection | undefined;
  for (const connection of connections) {
    total += connection.waitingBytes;
    if (connection.waitingBytes > (largest?.waitingBytes ?? -1)) largest = connection;
  }
  if (total > MAX_WAITING_BYTES) largest?.refuse("too many bytes wait for the end of their lines");
}

/**
 * Binds the server under a temporary name, then renames the file, so that the socket has its mode from the start. When
 * the server closes, Node removes that temporary name, never the socket of another daemon.
 */
async function bind(server: Server, path: string): Promise<Bound> {
  const draft = join(dirname(path), `.s${process.pid}`);
  rmSync(draft, { force: true });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(draft, () => resolve());
    });
    chmodSync(draft, 0o600);
    const { ino } = lstatSync(draft);
    renameSync(draft, path);
    return { server, path, ino };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    process.umask(umask);
  }
}
