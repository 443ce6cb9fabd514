import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

/** A path to a database that a test can break: a Unix socket in `folder`, forwarded to the server's socket in `to`. */
export class Way {
  readonly folder: string;
  #to: string;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** The first data of each connection, which contains the application's name. */
  readonly #names = new WeakMap<[Socket, Socket], string>();
  #is: "open" | "held" | "cut" = "open";

  constructor(folder: string, to: string) {
    this.folder = folder;
    this.#to = to;
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#take(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(join(this.folder, ".s.PGSQL.5432"), resolve);
    });
  }

  url(database: string): string {
    return `postgres://agentctl@/${database}?host=${this.folder}`;
  }

  /** Stops forwarding data, without an error. */
  hold(): void {
    this.#is = "held";
    for (const pair of this.#pairs) for (const each of pair) each.pause();
  }

  /** Stops forwarding data on the current connections of that name. New ones work. */
  forget(name: string): void {
    for (const pair of this.#pairs)
      if (this.#names.get(pair)?.includes(name)) for (const each of pair) each.pause();
  }

  /** Breaks all connections. New ones break at once. */
  cut(): void {
    this.#is = "cut";
    for (const pair of this.#pairs) for (const each of pair) each.destroy();
  }

  /** Forwards the next connections to another server. */
  leadTo({ folder }: { folder: string }): void {
    this.#to = folder;
  }

  heal(): void {
    this.#is = "open";
    for (const pair of this.#pairs) for (const each of pair) each.resume();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(near: Socket): void {
    near.on("error", () => {});
    if (this.#is === "cut") {
      near.destroy();
      return;
    }
    const far = connect(join(this.#to, ".s.PGSQL.5432"));
    far.on("error", () => {});
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    near.once("data", (bytes) => this.#names.set(pair, `${bytes}`));
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#is === "held") from.pause();
    }
  }
}
