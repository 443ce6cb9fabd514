/** Several homes on this host with a shared store. Each has its own path to the database, which a test can break. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Driver from "pg";
import { closeHome, Home, processes, signalTo, until } from "../../harness/index.ts";
import { type Postgres, startPostgres } from "../../harness/postgres.ts";
import type { Row } from "../facts.ts";
import { Way } from "./way.ts";

const { Client, types } = createRequire(import.meta.filename)("pg") as typeof Driver;
/** The ids of the types int8 and numeric, which become numbers here. */
const NUMBERS = [20, 1700];

let databases = 0;

export interface Machine {
  name: string;
  home: Home;
  way: Way;
}

export class Machines {
  readonly all: Machine[] = [];
  readonly server: Postgres;
  readonly #database: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "agentctl-ways-"));
  #client: Driver.Client | null = null;

  private constructor(server: Postgres, database: string) {
    this.server = server;
    this.#database = database;
  }

  /** Makes a cluster of `count` machines, named m1, m2, …. No daemon runs yet. */
  static async make(
    server: Postgres,
    { count, lease, slots }: { count: number; lease: string; slots: number },
  ): Promise<Machines> {
    const machines = new Machines(server, `walk${++databases}`);
    server.sql("postgres", `create database ${machines.#database}`);
    for (let n = 1; n <= count; n++) await machines.#add(`m${n}`, lease, slots);
    return machines;
  }

  async #add(name: string, lease: string, slots: number): Promise<void> {
    const home = new Home();
    const folder = mkdtempSync(join(this.#folder, "way-"));
    const way = new Way(folder, this.server.folder);
    await way.listen();
    const first = this.all[0];
    const given = first
      ? ["join", way.url(this.#database), "--key-file", join(first.home.dir, "cluster.key")]
      : ["init", way.url(this.#database), "--lease", lease];
    const { code, stderr } = await home.cli("cluster", ...given, "--name", name, "--slots", `${slots}`);
    if (code !== 0) throw new Error(stderr);
    // Hosts that wait for a task would be processes without an attempt.
    writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hosts: 0 }), { mode: 0o600 });
    // All tasks write their notes to the first machine's folder, wherever they run.
    mkdirSync(home.file("witness"), { recursive: true });
    this.all.push({ name, home, way });
  }

  /** Queries the database directly, even if the machines' own paths to it are broken. */
  async rows(sql: string, params: unknown[] = []): Promise<Row[]> {
    if (!this.#client) {
      const client = new Client({
        connectionString: this.server.url(this.#database),
        options: "-c search_path=agentctl,pg_catalog",
        types: {
          getTypeParser: ((oid: number) =>
            NUMBERS.includes(oid) ? Number : types.getTypeParser(oid, "text")) as never,
        },
      });
      client.on("error", () => {
        this.#client = null;
      });
      await client.connect();
      this.#client = client;
    }
    return (await this.#client.query(sql, params)).rows;
  }

  /** Closes all machines. Returns what was left over, which is removed then. */
  async close(): Promise<string[]> {
    const left: string[] = [];
    for (const { way } of this.all) way.heal();
    for (const { home } of this.all) left.push(...(await closeHome(home)));
    await this.#client?.end();
    for (const { way } of this.all) await way.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return left;
  }
}

/** Starts a server with fsync: an acknowledged write is on disk, as a cluster requires. */
export async function startServer(): Promise<Postgres> {
  return await startPostgres({ fsync: true });
}

/**
 * Makes the machine lose its power: all its processes are gone when this resolves. We stop all of them before we kill
 * any, so that no guard can record the death of its program.
 */
export async function killAll({ home }: Machine): Promise<void> {
  // Only the home's own folder counts: tasks on other machines write their notes to the first machine's `work`.
  const own = () => processes(home.dir);
  const stopped = new Set<number>();
  const isStill = () => {
    const moving = own().filter(({ pid }) => !stopped.has(pid));
    for (const { pid } of moving) {
      signalTo(pid, "SIGSTOP");
      stopped.add(pid);
    }
    return moving.length === 0;
  };
  await until(isStill, { everyMs: 1, message: "a machine that stands still" });
  const isGone = () => {
    const left = own();
    for (const { pid } of left) signalTo(pid, "SIGKILL");
    return left.length === 0;
  };
  await until(isGone, { everyMs: 1, message: "the end of a machine" });
}
