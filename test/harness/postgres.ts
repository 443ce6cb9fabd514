/** A PostgreSQL server for the tests of one file: its own data, on a Unix socket in a temporary folder. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Postgres {
  /** Of one database of the server. */
  url(database: string): string;
  sql(database: string, sql: string): void;
  stop(mode: "fast" | "immediate"): void;
  start(): void;
  dispose(): void;
}

/** Where the programs of PostgreSQL 15 or later are; undefined where they are not. */
export function postgresPrograms(): string | undefined {
  const versions = "/usr/lib/postgresql";
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .filter((version) => Number(version) >= 15)
    .map((version) => join(versions, version, "bin"))
    .find((folder) => existsSync(join(folder, "initdb")));
}

/** Starts a server. PostgreSQL refuses to run as root: there it runs as the user that its package made. */
export function startPostgres({ fsync = false }: { fsync?: boolean } = {}): Postgres {
  const bin = postgresPrograms();
  if (!bin) throw new Error("PostgreSQL is not installed");
  const folder = mkdtempSync(join(tmpdir(), "agentctl-pg-"));
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) spawnSync("chown", ["postgres", folder]);
  const run = (program: string, ...words: string[]) => {
    const asOther = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
    const [first = "", ...rest] = [...asOther, join(bin, program), ...words];
    const { status, stderr } = spawnSync(first, rest, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  };
  const data = join(folder, "data");
  run("initdb", "-D", data, "-U", "agentctl", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
  const start = () =>
    run(
      "pg_ctl",
      "-D",
      data,
      "-w",
      "-l",
      join(folder, "log"),
      "-o",
      `-k ${folder} -c listen_addresses= -c fsync=${fsync ? "on" : "off"}`,
      "start",
    );
  const stop = (mode: string) => run("pg_ctl", "-D", data, "-w", "-m", mode, "stop");
  start();
  return {
    url: (database) => `postgres://agentctl@/${database}?host=${folder}`,
    sql: (database, sql) => run("psql", "-h", folder, "-U", "agentctl", "-d", database, "-q", "-c", sql),
    stop,
    start,
    dispose: () => {
      stop("immediate");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
