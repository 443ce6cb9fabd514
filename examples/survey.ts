/**
 * Surveys a source tree: a step for each file, and a Markdown report as an artifact.
 *
 *     agentctl run --follow examples/survey.ts --input '{"path":"src"}'
 *     agentctl artifact get <id> survey.md
 *
 * You can pause it after any file, although no code here is about pausing. agentctl keeps the result of each step, so a
 * later attempt gets it without reading the file again. For the same reason, a step's output is printed only once.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, extname, join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineTask } from "agentctl";

interface Input {
  /** The folder to survey, relative to the folder in which the task runs. Default: that folder. */
  path?: string;
  /** The shortest time for each file, in ms, so that a person can follow. Default: 40. */
  delayMs?: number;
}

/** The facts about one file. */
interface Facts {
  path: string;
  lines: number;
  code: number;
  functions: number;
  exports: number;
  longestLine: number;
  marks: { line: number; text: string }[];
}

interface Summary {
  files: number;
  lines: number;
  code: number;
  functions: number;
  exports: number;
  marks: number;
  report: string;
}

const NOT_SURVEYED = new Set([
  "node_modules",
  "dist",
  "build",
  "coverage",
  "target",
  "vendor",
  "__pycache__",
]);

/** How to recognise lines with a comment, a function and an export. */
interface Language {
  endings: string[];
  comment: RegExp;
  function: RegExp;
  export: RegExp;
}

const languages: Language[] = [
  {
    endings: [".ts", ".mts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"],
    comment: /^\s*(\/\/|\/?\*)/,
    function: /\bfunction\b|=>|^\s+(?:(?:static|async|private|get|set) )*#?\w+\([^()]*\)(?:: [^={}]+)? \{$/,
    export: /^export\b|^module\.exports\b/,
  },
  {
    endings: [".py"],
    comment: /^\s*#/,
    function: /^\s*(?:async )?def \w|\blambda\b/,
    export: /^(?:async )?(?:def|class) [^_\W]/,
  },
  {
    endings: [".go"],
    comment: /^\s*\/\//,
    function: /\bfunc\b/,
    export: /^(?:func (?:\([^)]*\) )?|type |var |const )[A-Z]/,
  },
  { endings: [".rs"], comment: /^\s*\/\//, function: /\bfn \w/, export: /^\s*pub\b/ },
  { endings: [".sh"], comment: /^\s*#/, function: /^\s*\w+ ?\(\)/, export: /^\s*export\b/ },
  {
    endings: [".sql"],
    comment: /^\s*--/,
    function: /\bcreate .*function\b/i,
    export: /\bcreate (?:table|view)\b/i,
  },
];

export default defineTask<Input, Summary>(async (task, { path = ".", delayMs = 40 } = {}) => {
  const root = resolve(path);
  const paths = await task.step("find the files", () => sourceFiles(root));
  task.progress(0, paths.length);

  const survey: Facts[] = [];
  for (const [i, path] of paths.entries()) {
    const facts = await task.step(`read ${path}`, async ({ signal }) => {
      await sleep(delayMs, undefined, { signal });
      const text = await readFile(join(root, path), "utf8").catch(unlessGone);
      const facts = text === null ? null : factsOf(path, text);
      task.log(lineOf(path, facts, `${i + 1}`.padStart(`${paths.length}`.length), paths.length));
      return facts;
    });
    if (facts) survey.push(facts);
    task.progress(i + 1, paths.length, path);
  }

  const summary = { files: survey.length, ...totalOf(survey), report: "survey.md" };
  await task.artifact(summary.report, reportOf(path, survey));
  await task.step("say what was found", () => task.log(closing(task.id, summary)));
  return summary;
});

/** Returns the paths of the source files below `root`, relative to it and sorted. */
async function sourceFiles(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || NOT_SURVEYED.has(entry.name)) continue;
    const path = join(root, entry.name);
    if (entry.isDirectory()) found.push(...(await sourceFiles(path)).map((name) => join(entry.name, name)));
    else if (entry.isFile() && languageOf(path)) found.push(relative(root, path));
  }
  return found.sort();
}

function languageOf(path: string): Language | undefined {
  return languages.find(({ endings }) => endings.includes(extname(path)));
}

/** Returns null for a file that was deleted after we found it, which is not a failure. */
function unlessGone(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

function factsOf(path: string, text: string): Facts {
  const language = languageOf(path);
  const lines = text.replace(/\n$/, "").split("\n");
  const code = lines.filter((line) => line.trim() !== "" && !language?.comment.test(line));
  const marked = /\b(?:TODO|FIXME|XXX|HACK)\b.*/;
  return {
    path,
    lines: lines.length,
    code: code.length,
    functions: code.filter((line) => language?.function.test(line)).length,
    exports: code.filter((line) => language?.export.test(line)).length,
    longestLine: Math.max(...lines.map((line) => line.length)),
    marks: lines.flatMap((line, i) => {
      const text = marked.exec(line)?.[0];
      return text ? [{ line: i + 1, text: text.slice(0, 100) }] : [];
    }),
  };
}

function totalOf(survey: Facts[]) {
  const sum = (of: (facts: Facts) => number) => survey.reduce((total, facts) => total + of(facts), 0);
  return {
    lines: sum(({ lines }) => lines),
    code: sum(({ code }) => code),
    functions: sum(({ functions }) => functions),
    exports: sum(({ exports }) => exports),
    marks: sum(({ marks }) => marks.length),
  };
}

function lineOf(path: string, facts: Facts | null, n: string, of: number): string {
  const name = (path.length > 30 ? `…${path.slice(-29)}` : path).padEnd(30);
  if (!facts) return `${n}/${of}  ${name}  is gone`;
  const { lines, functions, exports, marks } = facts;
  const counts = `${String(lines).padStart(5)} lines ${String(functions).padStart(4)} functions`;
  return `${n}/${of}  ${name} ${counts} ${String(exports).padStart(3)} exports${marks.length > 0 ? "  !" : ""}`;
}

function closing(id: number, { files, lines, functions, exports, marks, report }: Summary): string {
  const found = `${files} files, ${lines} lines, ${functions} functions, ${exports} exports, ${marks} to do`;
  return `\n${found}\nThe report: agentctl artifact get ${id} ${report}`;
}

function reportOf(path: string, survey: Facts[]): string {
  const { lines, functions, exports } = totalOf(survey);
  const folders = new Map<string, Facts[]>();
  for (const facts of survey) {
    const folder = dirname(facts.path);
    folders.set(folder, [...(folders.get(folder) ?? []), facts]);
  }
  const most = (of: (facts: Facts) => number) => survey.toSorted((a, b) => of(b) - of(a)).slice(0, 10);
  const marks = survey.flatMap(({ path, marks }) =>
    marks.map(({ line, text }) => `- ${path}:${line} ${text}`),
  );
  return [
    `# Survey of ${path}`,
    "",
    `${survey.length} files, ${lines} lines, ${functions} functions, ${exports} exports.`,
    "",
    table(
      ["folder", "files", "lines", "code", "functions", "exports"],
      [...folders].map(([name, of]) => {
        const { lines, code, functions, exports } = totalOf(of);
        return [name, of.length, lines, code, functions, exports];
      }),
    ),
    "## Largest files",
    "",
    table(
      ["file", "lines", "functions"],
      most((of) => of.lines).map((of) => [of.path, of.lines, of.functions]),
    ),
    "## Longest lines",
    "",
    table(
      ["file", "characters"],
      most((of) => of.longestLine).map((of) => [of.path, of.longestLine]),
    ),
    "## To do",
    "",
    ...(marks.length > 0 ? marks : ["Nothing is marked."]),
    "",
  ].join("\n");
}

function table(titles: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(" | ")} |\n`;
  const ruler = titles.map((_, i) => (i === 0 ? "---" : "---:"));
  return [titles, ruler, ...rows].map(line).join("");
}
