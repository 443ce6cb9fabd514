/** Checks that the documents agree with the sources. A planted fault shows that a check finds what is wrong. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedDocuments } from "../../docs/generate.ts";
import { aliases, verbNames } from "../../src/cli/command/verbs.ts";
import { errorRows } from "../../src/core/errors.ts";
import { states } from "../../src/core/machine.ts";
import { methods, notifications } from "../../src/protocol/methods.ts";
import { needs } from "../harness/needs.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const documents = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** Returns the cells of each table row in a document, including the title rows. */
function rowsOf(text: string): string[][] {
  return [...text.matchAll(/^\| (.+) \|$/gm)].map(([, row = ""]) =>
    row.split(" | ").map((cell) => cell.replaceAll("`", "")),
  );
}

/** Returns the files of this repository that a document links to or names, and that do not exist. */
function missingPaths(document: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = ""]) => join(document, "..", path));
  const named = [...text.matchAll(/(?<![\w./])((?:src|test|docs|examples|bin)\/[\w./-]*\w)/g)].map(
    ([, path = ""]) => path,
  );
  return [...links, ...named].filter((path) => !existsSync(join(root, path)));
}

/** Returns the words after `agentctl`, in shell lines and inline code, that are not commands. */
function unknownVerbs(text: string): string[] {
  const verbs = new Set([...verbNames, ...Object.keys(aliases), "help"]);
  const blocks = [...text.matchAll(/^```[\s\S]*?^```/gm)].join("\n");
  const calls = [
    ...blocks.matchAll(/(?:^|\$ |&& |\| )(?:npx )?agentctl ([a-z]+)/gm),
    ...text.matchAll(/`(?:npx )?agentctl ([a-z]+)/g),
  ];
  return calls.map(([, verb = ""]) => verb).filter((verb) => !verbs.has(verb));
}

describe("generated documents", () => {
  test("match the sources (npm run docs updates them)", async () => {
    for (const [name, text] of await generatedDocuments()) expect(read(`docs/${name}`), name).toBe(text);
  });

  test("include a manual that is installed and has no errors", ({ skip }) => {
    const { man, files } = JSON.parse(read("package.json"));
    // npm links only manuals that are in a list.
    expect([man, files.includes("man")]).toEqual([["./man/agentctl.1"], true]);
    needs(skip, "groff");
    const { status, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-ww", join(root, man[0])], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("list every method and notification once", () => {
    const headings = [...read("docs/socket.md").matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
    const table = [...Object.keys(methods), ...Object.keys(notifications)];
    expect(headings.filter((heading) => /\/|^event$/.test(heading ?? ""))).toEqual(
      expect.arrayContaining(table),
    );
    expect(new Set(headings).size).toBe(headings.length);
  });
});

describe("handwritten documents", () => {
  test("list exactly the errors of the catalogue", () => {
    const rows = rowsOf(read("docs/errors.md")).filter(([, code]) => /^-\d{5}$/.test(code ?? ""));
    const listed = rows.map(([name, code, exit]) => ({ name, code: Number(code), exit: Number(exit) }));
    const byCode = (a: { code: number }, b: { code: number }) => a.code - b.code;
    expect(listed.sort(byCode)).toEqual([...errorRows].sort(byCode));
  });

  test("explain exactly the existing states", () => {
    const text = read("docs/states.md").split("<!-- generated")[0] ?? "";
    const names = rowsOf(text).map(([name]) => name);
    expect(names.slice(2).sort()).toEqual([...states].sort());
  });

  test("list the rooms as the boundaries define them", () => {
    const rule = /^ {2}"?([\w/]+)"?: \{\s*may: \[([^\]]*)\]/gm;
    const rooms = [...read("test/boundaries.test.ts").matchAll(rule)].map(([, room, may = ""]) => [
      room,
      may.replaceAll('"', "").split(", ").filter(Boolean).sort().join(", ") || "nothing",
    ]);
    const text = read("docs/architecture.md").split("## Rooms")[1]?.split("## ")[0] ?? "";
    const written = rowsOf(text).slice(2);
    expect(rooms.length).toBeGreaterThan(8);
    expect(written.map(([room, , may = ""]) => [room, may.split(", ").sort().join(", ")])).toEqual(rooms);
  });

  test("keep each decision within 30 lines, not counting table rows", () => {
    const prose = (path: string) =>
      read(path)
        .trimEnd()
        .split("\n")
        .filter((line) => !line.startsWith("|")).length;
    const long = documents.filter((path) => path.includes("decisions") && prose(path) > 30);
    expect(long).toEqual([]);
  });

  test("mention every dependency in the decision about libraries", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json"));
    const decision = read("docs/decisions/0009-libraries.md").toLowerCase();
    const names = [...Object.keys(dependencies), ...Object.keys(devDependencies)].filter(
      (name) => !name.startsWith("@types/"),
    );
    expect(names.filter((name) => !decision.includes(name.replace(/^@.*\//, "")))).toEqual([]);
  });

  test("show the command for the tests after its marker in the README", () => {
    expect(read("README.md")).toContain("\n<!-- test -->\n\n```sh\nnpm install && npm run check\n```\n");
  });
});

describe.each(documents)("%s", (document) => {
  test("names only files that exist", () => {
    expect(missingPaths(document, read(document))).toEqual([]);
  });

  test("names only commands that exist", () => {
    expect(unknownVerbs(read(document))).toEqual([]);
  });
});

describe("a planted fault is found", () => {
  test("in a link and in a path", () => {
    const text =
      "See [it](states.md), [that](gone.md) and `src/engine/gone.ts`, not `src/engine/verbs/pause.ts`.";
    expect(missingPaths("docs/x.md", text)).toEqual(["docs/gone.md", "src/engine/gone.ts"]);
  });

  test("in a command", () => {
    expect(unknownVerbs("```\n$ agentctl pause 1\nagentctl stop 1\n```\nOr `npx agentctl halt 1`.")).toEqual([
      "stop",
      "halt",
    ]);
  });
});
