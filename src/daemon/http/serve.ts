/**
 * The daemon's HTTP server: the methods of the socket, for programs, agents and browsers of this user. It is a separate
 * file in `dist/`, loaded only when `http.listen` names an address.
 *
 * A caller needs the token of the home, or the cookie that stands for it. Names that another page could have chosen
 * (`Host`, `Origin`) are checked first. Connections, sizes and times are bounded. If too many connections are open, the
 * one that has been idle for the longest time is closed.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { AgentctlError } from "../../core/errors.ts";
import { sendError } from "./answer.ts";
import { Gate } from "./gate.ts";
import { LoginCodes } from "./login.ts";
import { routesOf } from "./routes.ts";
import type { HttpServer, Services } from "./services.ts";

const MAX_CONNECTIONS = 512;
/** How long the headers may take, and how long a whole request may take, in ms. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const IDLE_MS = 30_000;
/** How long requests in progress may still take when the server ends, in ms. */
const CLOSE_GRACE_MS = 500;

/** Listens. Rejects if the address cannot be used. */
export async function serve(services: Services, host: string, port: number): Promise<HttpServer> {
  const codes = new LoginCodes(services.clock);
  const gate = new Gate(services, codes, () => urlOf(server, host));
  const routes = routesOf(services, gate, () => services.settings.a2a.url ?? urlOf(server, host));
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      maxHeaderSize: 16_384,
    },
    (request, response) => {
      void answer(request, response);
    },
  );
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      await routes(request, response);
    } catch (error) {
      if (!(error instanceof AgentctlError))
        services.log.error({ err: error, url: pathOf(request) }, "a request failed");
      sendError(response, error);
    }
  };
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuse(error, socket as Socket));
  const connections = boundConnections(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => resolve());
  });
  server.on("error", (error) => services.log.warn({ error: String(error) }, "the HTTP server"));
  return {
    url: urlOf(server, host),
    loginUrl: () => new URL(`login/${codes.make()}`, urlOf(server, host)).href,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections.idle()) socket.destroy();
      services.closing.abort();
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?")[0] as string;
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
}

/** Responds to input that is not HTTP with an error, if the other end still reads. */
function refuse({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const status = {
    HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
    ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  };
  const line = status[code as keyof typeof status] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Bounds the number of connections. Closes the one that has been idle for the longest time. */
function boundConnections(server: Server): { idle: () => Socket[] } {
  const requestCounts = new Map<Socket, number>();
  server.on("connection", (socket: Socket) => {
    requestCounts.set(socket, 0);
    socket.once("close", () => requestCounts.delete(socket));
    if (requestCounts.size <= MAX_CONNECTIONS) return;
    const [oldest] = [...requestCounts].find(([other, requests]) => requests === 0 && other !== socket) ?? [
      socket,
    ];
    oldest.destroy();
    requestCounts.delete(oldest);
  });
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    requestCounts.set(socket, (requestCounts.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const requests = requestCounts.get(socket);
      if (requests === undefined) return;
      // The most recently used connection moves to the end.
      requestCounts.delete(socket);
      requestCounts.set(socket, requests - 1);
    });
  });
  return {
    idle: () => [...requestCounts].filter(([, requests]) => requests === 0).map(([socket]) => socket),
  };
}
