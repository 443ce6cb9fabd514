/** A Postgres server for one measurement, in its default configuration: an acknowledged commit is on disk. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Postgres {
  url: string;
  /** Stops the server as in a crash, for `forMs`, and resolves when it serves again. Missing if we did not start it. */
  goAway?(forMs: number): Promise<void>;
  stop(): void;
}

/** Starts a server, or uses a running one at AGENTCTL_BENCH_POSTGRES. Undefined if Postgres is not installed. */
export function startPostgres(): Postgres | undefined {
  const given = process.env.AGENTCTL_BENCH_POSTGRES;
  if (given) return { url: given, stop: () => undefined };
  const bin = binaries();
  if (!bin) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "agentctl-bench-pg-"));
  const run = (program: string, ...words: string[]) => {
    // Postgres refuses to run as root.
    const asOther =
      process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
    const [first = "", ...rest] = [...asOther, join(bin, program), ...words];
    const { status, stderr } = spawnSync(first, rest, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  };
  if (process.getuid?.() === 0) spawnSync("chown", ["postgres", folder]);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  run("initdb", "-D", data, "-U", "bench", "-A", "trust");
  const port = 20_000 + (process.pid % 20_000);
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`;
  const start = () => run("pg_ctl", "-D", data, "-w", "-l", join(folder, "log"), "-o", options, "start");
  const stop = () => run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop");
  start();
  run("createdb", "-h", folder, "-p", `${port}`, "-U", "bench", "bench");
  return {
    url: `postgresql://bench@127.0.0.1:${port}/bench`,
    goAway: async (forMs) => {
      stop();
      await sleep(forMs);
      start();
    },
    stop: () => {
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function binaries(): string | undefined {
  const versions = "/usr/lib/postgresql";
  const found = existsSync(versions)
    ? readdirSync(versions).map((version) => join(versions, version, "bin"))
    : [];
  return [...found, "/usr/local/bin", "/usr/bin"].find((folder) => existsSync(join(folder, "initdb")));
}
