/** Several homes on this host that share a store, each by a way to the database that can be broken. */
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
/** int8 and numeric are numbers here. */
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

  /** Makes a cluster of `count` machines, named m1, m2, …; no daemon runs yet. */
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
    // Hosts that wait for a task would be processes of no attempt.
    writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hosts: 0 }), { mode: 0o600 });
    // The folder of the first one is where tasks note what they do, wherever they run.
    mkdirSync(home.file("witness"), { recursive: true });
    this.all.push({ name, home, way });
  }

  /** What the database holds, whatever the ways of the machines are like. */
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

  /** What is left over of any of them; nothing of it is there afterwards. */
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

/** A server whose writes are on disk when they are answered, as a cluster asks for. */
export async function startServer(): Promise<Postgres> {
  return await startPostgres({ fsync: true });
}

/**
 * The machine loses its power: everything of it is gone when this resolves. All of it is stopped before any is killed, so
 * that no guard lives to note the death of its program.
 */
export async function killAll({ home }: Machine): Promise<void> {
  // What runs on others may name the folder of this one, where it notes what it does.
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
