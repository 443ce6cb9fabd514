/** Each command line and snippet of the README and of the pages in docs/ does what the page says. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { launcher, runCommand } from "../harness/command.ts";
import { type Home, isOnPath, it, needs, needsOwnStore } from "../harness/index.ts";
import { type Block, blocksOf, isAsShown, shownIn } from "../harness/markdown.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";

const root = join(import.meta.dirname, "../..");
const BLOCK_MS = 60_000;

/** Another test parses the examples in commands.md, which come from the help. socket.md has types, no commands. */
const GENERATED = ["commands.md", "socket.md"];

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md") && !GENERATED.includes(name))
    .map((name) => `docs/${name}`),
].filter((page) => blocksOf(read(page)).length > 0);

function read(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** Copies the examples to the home and puts agentctl on its PATH. */
function furnish(home: Home): void {
  for (const name of ["examples", "src/core"])
    cpSync(join(root, name), home.file(name), {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
  mkdirSync(home.file("bin"));
  symlinkSync(launcher, home.file("bin/agentctl"));
  home.env.PATH = [home.file("bin"), home.env.PATH].join(delimiter);
  home.env.TERM = "dumb";
}

/** Runs a script in a terminal, as a reader does, and returns the text on its screen. */
async function inTerminal(home: Home, script: string, line: number): Promise<string> {
  const file = home.file(`.line-${line}.sh`);
  writeFileSync(file, `stty cols 110 -echo\n${script}`);
  const args = ["-qec", `sh ${file}`, "/dev/null"];
  const { stdout } = await runCommand("script", args, { cwd: home.work, env: home.env, timeoutMs: BLOCK_MS });
  return stdout.replaceAll("\r", "");
}

const POSTGRES = "PostgreSQL";

/**
 * Starts the server that a page about clusters needs, with the database `work` and a role for the reader. The reader's
 * home is the default one. The socket is not in Debian's folder, which another server may use.
 */
async function server(home: Home): Promise<Postgres | undefined> {
  if (!postgresPrograms()) return undefined;
  home.env.AGENTCTL_HOME = home.file(".agentctl");
  const postgres = await startPostgres({ fsync: true });
  postgres.sql("postgres", `create role "${home.env.USER}" login`);
  postgres.sql("postgres", `create database work owner "${home.env.USER}"`);
  return postgres;
}

function placed(block: Block, postgres: Postgres | undefined): Block {
  return postgres ? { ...block, text: block.text.replaceAll("/var/run/postgresql", postgres.folder) } : block;
}

const END = "\u0001";

/** What a spinner prints where it cannot move the cursor. */
const SPINNER = /^- /;

/** Runs the commands in order in one shell, and returns the output and exit code of each. */
async function runAll(home: Home, commands: string[], line: number) {
  const script = commands.map((command) => `${command}\nprintf '${END}%s${END}' $?\n`).join("");
  const parts = (await inTerminal(home, script, line)).split(END);
  return commands.map((command, n) => ({
    command,
    printed: (parts[2 * n] ?? "")
      .split("\n")
      .filter((each, at, all) => !SPINNER.test(each) && (each !== "" || at < all.length - 1)),
    code: Number(parts[2 * n + 1] ?? Number.NaN),
  }));
}

async function play(home: Home, block: Block): Promise<void> {
  const { line, language, text, marks } = block;
  if (marks.file !== undefined) {
    const path = home.file(marks.file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return chmodSync(path, 0o755);
  }
  if (language === "json") return void JSON.parse(text);
  if (language === "" || language === "text") return;
  const shown = language === "console" ? shownIn(text) : [{ command: text, output: [] }];
  const results = await runAll(
    home,
    shown.map(({ command }) => command),
    line,
  );
  for (const [n, { output, command }] of shown.entries()) {
    const { code, printed } = results[n] as (typeof results)[number];
    const at = `line ${line}: ${command}\n${printed.join("\n")}`;
    if (output.length > 0 && !isAsShown(output, printed)) expect.soft(printed, at).toEqual(output);
    const mayFail = output.some((each) => each.startsWith("agentctl: "));
    expect.soft(mayFail || code === 0, `${at}\nended with ${code}`).toBe(true);
  }
}

const RUNNABLE = ["sh", "console", "hidden", "json", "", "text"];

describe.for(pages)("%s", (page) => {
  const blocks = blocksOf(read(page));
  const run = blocks.filter(({ marks }) => marks["not run"] === undefined);
  beforeEach(({ skip }) => needs(skip, "script"));

  test("says for each block how to run it, or why it is not run", () => {
    const unclear = run.filter(({ language, marks }) => !RUNNABLE.includes(language) && !marks.file);
    expect(unclear.map(({ line, language }) => `line ${line}: ${language}`)).toEqual([]);
  });

  it("shows commands and output that match a real run", { timeout: 180_000 }, async ({ home, skip }) => {
    skip(run.length === 0, "nothing on the page can be run here, and it says why");
    if (page === "docs/quick-start.md") needsOwnStore(home, "lists of a cluster name the machine");
    furnish(home);
    const needed = (block: Block) => block.marks.needs?.split(/, */) ?? [];
    const postgres = run.some((block) => needed(block).includes(POSTGRES)) ? await server(home) : undefined;
    const has = (program: string) => (program === POSTGRES ? postgres !== undefined : isOnPath(program));
    try {
      for (const block of run) if (needed(block).every(has)) await play(home, placed(block, postgres));
    } finally {
      await postgres?.dispose();
    }
  });
});

describe("the comparison of a page with printed output", () => {
  test.for([
    [["task 1 paused"], ["task 1 canceled"], false],
    [["pid 12, 3s, 1/7"], ["pid 77, 12ms, 5/7"], true],
    [["1/7"], ["1/8"], false],
    [["a …"], ["a b c"], true],
    [["a", "…", "d"], ["a", "b", "c", "d"], true],
    [["a", "…", "d"], ["a", "b", "c"], false],
    [["a"], ["a", "b"], false],
  ] as const)("compares %j with %j", ([shown, printed, expected]) => {
    expect(isAsShown(shown, printed)).toBe(expected);
  });
});
