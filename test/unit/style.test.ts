/** Checks that no source, document or test name contains a word that docs/style.md forbids. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

const PLACES = [
  "README.md",
  "CHANGELOG.md",
  "docs",
  "man",
  "src",
  "test",
  "bench",
  "examples",
  "bin",
  ".ci/run",
];
const IS_TEXT = /\.(ts|js|mjs|py|sql|sh|md|1)$|\/run$/;
/** These files contain the words in order to forbid them. */
const LISTS = ["docs/style.md", "test/unit/style.test.ts"];

/** Lines that may contain such a word: the file, and a part of the line. */
const EXCEPTIONS: [file: string, part: string][] = [];

/** Returns the first column of the table in docs/style.md. */
function forbiddenWords(style: string): string[] {
  const table = style.split("\n## Words\n")[1]?.split("\n## ")[0] ?? "";
  const cells = [...table.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].map(([, cell = ""]) => cell.trim());
  return cells.filter((cell) => cell !== "not" && !/^-+$/.test(cell));
}

const words = forbiddenWords(readFileSync(join(root, "docs/style.md"), "utf8"));

function filesBelow(path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path)).flatMap((name) => filesBelow(join(path, name)));
}

/** Returns `<file>:<line>: <word>` for each forbidden word, even if it is broken over two lines. */
function found(file: string, text: string): string[] {
  const pattern = new RegExp(
    `(?<![\\w-])(${words.map((word) => word.replaceAll(" ", "(?:\\s|\\n[ \\t]*(?:\\*|//|#|--)?[ \\t]*)+")).join("|")})(?![\\w-])`,
    "gi",
  );
  const lines = text.split("\n");
  return [...text.matchAll(pattern)].flatMap(({ 0: word, index }) => {
    const line = text.slice(0, index).split("\n").length;
    const isException = EXCEPTIONS.some(([of, part]) => of === file && lines[line - 1]?.includes(part));
    return isException ? [] : [`${file}:${line}: ${word.replace(/\s+/g, " ")}`];
  });
}

describe("the check for plain English", () => {
  test("reads the list of words from docs/style.md", () => {
    expect(words).toEqual(expect.arrayContaining(["in line", "at work", "anew"]));
  });

  test("finds a planted word, even if it is broken over two lines", () => {
    const text = 'it is\n * at\n * work\nsay("in line")\n// a guideline';
    expect(found("planted.ts", text)).toEqual(["planted.ts:2: at * work", "planted.ts:4: in line"]);
  });

  test.for(PLACES)("finds no forbidden word in %s", (place) => {
    const files = filesBelow(place).filter((file) => IS_TEXT.test(file) && !LISTS.includes(file));
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((file) => found(file, readFileSync(join(root, file), "utf8")))).toEqual([]);
  });
});
