/** A PostgreSQL server for the tests of one file, with its data and a Unix socket in a temporary folder. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

export interface Postgres {
  /** The folder of its Unix socket. */
  folder: string;
  /** The port on the loopback interface if the server has a certificate; else 0. */
  port: number;
  /** Returns the URL of one database of the server. */
  url(database: string): string;
  sql(database: string, sql: string): void;
  /** Ends the server. `immediate` ends it as in a crash. */
  stop(how?: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** Returns the folder with the programs of PostgreSQL 15 or later; undefined if it is not installed. */
export function postgresPrograms(): string | undefined {
  const versions = "/usr/lib/postgresql";
  if (process.platform !== "linux" || !existsSync(versions)) return undefined;
  return readdirSync(versions)
    .filter((version) => Number(version) >= 15)
    .map((version) => join(versions, version, "bin"))
    .find((folder) => existsSync(join(folder, "initdb")));
}

const USUAL = 5432;

/** How long a server may take to start or end on a busy machine. */
const PATIENCE = { deadlineMs: 50_000, everyMs: 100 };

/**
 * Starts a server that ends with this process, however that ends. PostgreSQL refuses to run as root, so for root it
 * runs as the user `postgres` of its package. With `standbyOf` it is a standby of that server until `pg_promote()`.
 */
export async function startPostgres({
  fsync = false,
  tls,
  standbyOf,
}: {
  fsync?: boolean;
  tls?: { key: string; certificate: string };
  standbyOf?: Postgres;
} = {}): Promise<Postgres> {
  const bin = postgresPrograms();
  if (!bin) throw new Error("PostgreSQL is not installed");
  const folder = mkdtempSync(join(tmpdir(), "agentctl-pg-"));
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ["--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  const data = join(folder, "data");
  let server: ChildProcess | undefined;

  const run = (program: string, ...words: string[]) => {
    const { status, stderr } = spawnSync("setpriv", [...user, join(bin, program), ...words], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  };
  const isReady = () => {
    if (server?.exitCode !== null) throw new Error("the server has ended");
    run("pg_isready", "-q", "-h", folder, "-p", `${port || USUAL}`, "-d", "postgres");
    return true;
  };
  const port = tls ? await freePort() : 0;
  const start = async () => {
    const settings = ["-k", folder, "-c", `fsync=${fsync ? "on" : "off"}`];
    settings.push(...(tls ? secured(port, folder) : ["-c", "listen_addresses="]));
    const words = ["--pdeathsig=QUIT", ...user, join(bin, "postgres"), "-D", data, ...settings];
    server = spawn("setpriv", words, { cwd: folder, stdio: "ignore" });
    server.on("error", () => {});
    await until(isReady, { ...PATIENCE, message: "the start of PostgreSQL" });
  };
  const stop = async (how: "fast" | "immediate" = "fast") => {
    server?.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    const hasEnded = () => !server || server.exitCode !== null || server.signalCode !== null;
    await until(hasEnded, { ...PATIENCE, message: "the end of PostgreSQL" });
  };
  const dispose = async () => {
    try {
      await stop("immediate");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  try {
    if (isRoot) spawnSync("chown", ["postgres", folder]);
    if (standbyOf)
      run(
        "pg_basebackup",
        "-h",
        standbyOf.folder,
        "-U",
        "agentctl",
        "-D",
        data,
        "-R",
        "-c",
        "fast",
        "--no-sync",
      );
    else run("initdb", "-D", data, "-U", "agentctl", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
    if (tls) {
      for (const [file, name] of [
        [tls.key, "server.key"],
        [tls.certificate, "server.crt"],
      ] as const) {
        copyFileSync(file, join(data, name));
        chmodSync(join(data, name), 0o600);
        if (isRoot) spawnSync("chown", ["postgres", join(data, name)]);
      }
    }
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    folder,
    port,
    url: (database) => `postgres://agentctl@/${database}?host=${folder}${port ? `&port=${port}` : ""}`,
    sql: (database, sql) =>
      run("psql", "-h", folder, "-p", `${port || USUAL}`, "-U", "agentctl", "-d", database, "-q", "-c", sql),
    stop,
    start,
    dispose,
  };
}

/** Returns the settings for connections by TLS on the loopback interface only. */
function secured(port: number, folder: string): string[] {
  const settings = [
    "listen_addresses=localhost",
    `port=${port}`,
    "ssl=on",
    `unix_socket_directories=${folder}`,
  ];
  return settings.flatMap((setting) => ["-c", setting]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
