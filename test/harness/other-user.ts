/** Runs commands as another user, which only root can do. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { TestContext } from "vitest";
import { driverName } from "../../src/store/sqlite/file/driver.ts";
import type { CommandOptions } from "./command.ts";
import type { Home } from "./home.ts";
import { needs, needsRoot, needsSuccessOf } from "./needs.ts";

const root = join(import.meta.dirname, "../..");

/** The largest files to copy, which a running program does not need. */
const SOURCES = /\/better-sqlite3(-12)?\/(deps|src)(\/|$)|\/obj(\.target)?(\/|$)|\.a$/;

/** A user with this uid and a copy of agentctl that they can read, wherever the clone is. */
export class OtherUser {
  readonly launcher: string;
  readonly #become: string[];

  /** Skips the test if we cannot become another user, or if that user cannot run this Node. */
  constructor(home: Home, uid: number, skip: TestContext["skip"]) {
    needsRoot(skip);
    needs(skip, "setpriv");
    this.#become = ["--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups"];
    needsSuccessOf(skip, "setpriv", ...this.#become, process.execPath, "--version");
    chmodSync(home.root, 0o755);
    this.launcher = publicCopy(join(home.root, "installed"));
  }

  spawn(program: string, args: string[], { cwd, env }: CommandOptions = {}): SpawnSyncReturns<string> {
    const words = [...this.#become, program, ...args];
    return spawnSync("setpriv", words, {
      cwd: cwd ?? "/",
      env: { PATH: process.env.PATH, ...env },
      encoding: "utf8",
    });
  }

  /** Runs a line of shell and returns its exit code. */
  sh(script: string): number | null {
    return this.spawn("sh", ["-c", script]).status;
  }
}

/** Copies what npm would install, readable for everybody. Returns the launcher. */
function publicCopy(folder: string): string {
  const packages = [driverName, ...dependenciesOf(driverName)].map((name) => join("node_modules", name));
  for (const name of ["package.json", "bin", "dist", ...packages]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: (path) => !SOURCES.test(path) });
  }
  openToAll(folder);
  return join(folder, "bin/agentctl.js");
}

function dependenciesOf(name: string): string[] {
  const { dependencies } = createRequire(import.meta.url)(join(root, "node_modules", name, "package.json"));
  const direct = Object.keys(dependencies ?? {});
  return direct.flatMap((each) => [each, ...dependenciesOf(each)]);
}

function openToAll(path: string): void {
  const { mode } = statSync(path);
  const isFolder = statSync(path).isDirectory();
  chmodSync(path, mode | (isFolder || mode & 0o100 ? 0o555 : 0o444));
  if (isFolder) for (const name of readdirSync(path)) openToAll(join(path, name));
}
