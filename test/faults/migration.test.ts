import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { describe, expect } from "vitest";
import { driverName, openFile } from "../../src/store/sqlite/file/driver.ts";
import { runCommand } from "../harness/command.ts";
import { type Home, it, sqlite } from "../harness/index.ts";

const repository = join(import.meta.dirname, "../..");

/** Builds a program that opens the home's store as the next version would. Returns its path. */
function nextVersion(home: Home): string {
  const outfile = home.file("migrating.cjs");
  const entryPoints = [join(import.meta.dirname, "migrating-process.ts")];
  const loader = { ".sql": "text" } as const;
  const define = { "import.meta.filename": "__filename" };
  buildSync({ entryPoints, outfile, loader, define, bundle: true, platform: "node" });
  return outfile;
}

function open(home: Home, program: string, fault?: string) {
  const env = {
    ...home.env,
    NODE_PATH: join(repository, "node_modules"),
    ...(fault && { AGENTCTL_FAULT: fault }),
  };
  return runCommand(process.execPath, [program], { env });
}

/** Fills a store of the released version with twenty tasks. No daemon runs afterwards. */
async function filled(home: Home): Promise<void> {
  const tasks = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({ argv: ["true"], name: `task-${i}`, held: true }),
  );
  await home.cli("batch", { input: tasks.join("\n") });
  await home.killDaemon();
}

describe("a migration that dies at", () => {
  const points = [
    "migrate:before-backup",
    "migrate:after-backup",
    "migrate:before-commit",
    "migrate:after-commit",
  ];
  it.for(points)(
    "%s is done by the next start, and keeps all tasks of the store",
    async (point, { home }) => {
      await filled(home);
      const program = nextVersion(home);
      const died = await open(home, program, point);
      expect([died.code, died.stderr]).toEqual([137, `fault ${point}\n`]);
      expect(await open(home, program)).toMatchObject({ code: 0, stdout: "2\n" });
      const rows = sqlite(home, "select name, owner, state from tasks order by id");
      expect(rows).toEqual(
        Array.from({ length: 20 }, (_, i) => ({ name: `task-${i}`, owner: "someone", state: "submitted" })),
      );
      // Restore the schema of this version, for the daemon that ends the test.
      sqlite(home, "alter table tasks drop column owner");
      const db = openFile(join(home.dir, "agentctl.db"));
      db.pragma("user_version = 1");
      db.close();
      for (const backup of readdirSync(join(home.dir, "backups")).filter((name) => name.endsWith(".db"))) {
        const copy = openFile(join(home.dir, "backups", backup));
        const count = copy.prepare("select count(*) from tasks").pluck().get();
        expect([copy.pragma("user_version", { simple: true }), count]).toEqual([1, 20]);
        copy.close();
      }
    },
  );
});

/** A program that dies during the first write to a store, and leaves a SQLite journal to roll back. */
const dies = `
  const Database = require("${driverName}");
  const db = new Database(process.argv[1]);
  db.pragma("cache_size = 1");
  db.exec("begin; create table t (x); ");
  for (let i = 0; i < 100; i++) db.prepare("insert into t values (zeroblob(4000))").run();
  process.kill(process.pid, "SIGKILL");
`;

it("the next daemon makes the store if one died while making it", async ({ home }) => {
  mkdirSync(home.dir, { mode: 0o700 });
  const file = join(home.dir, "agentctl.db");
  const env = { ...home.env, NODE_PATH: join(repository, "node_modules") };
  await runCommand(process.execPath, ["-e", dies, file], { env });
  expect([existsSync(`${file}-journal`), statSync(file).size > 0]).toEqual([true, true]);
  const { code, stderr } = await home.cli("run", "--wait", "true");
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("store")]);
});
