/**
 * Rules about the sources that neither the compiler nor the linter checks. Each is data or a function that returns the
 * violations in a file. Each comes with a planted violation, which shows that the rule really finds it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

interface Source {
  path: string;
  text: string;
}

interface Guard {
  rule: string;
  check: (source: Source) => string[];
  planted: Source;
  /** The files that the rule checks, by folder and ending. Default: the sources. */
  in?: [folder: string, ending: string];
}

/** Which room may import which. Add a new dependency here, with its reason. */
const rooms: Record<string, { may: string[]; because: string }> = {
  core: { may: [], because: "the rules for states and transitions depend on nothing else" },
  protocol: { may: ["core"], because: "one definition of the protocol serves both ends of a connection" },
  home: { may: ["core"], because: "the paths of a home depend neither on processes nor on the protocol" },
  store: { may: ["core"], because: "the store knows neither processes nor the protocol" },
  runner: {
    may: ["core", "protocol", "home"],
    because: "the runner does not know the tables; it reports to the engine by callback",
  },
  "runner/host": {
    may: ["core", "protocol", "home", "client", "sdk"],
    because: "a module's host is a separate process and a client of the daemon",
  },
  engine: {
    may: ["core", "home", "store", "runner"],
    because: "the engine knows neither the socket nor the command line",
  },
  mcp: {
    may: ["core"],
    because: "an agent's tools work the same whether the command line or the daemon calls the methods",
  },
  dashboard: {
    may: ["core", "protocol"],
    because: "the page is a client like any other: it imports only the methods' types and pure functions",
  },
  daemon: {
    may: ["core", "engine", "protocol", "home", "store", "runner", "mcp"],
    because:
      "the daemon and the command line communicate only over the socket; main.ts connects store, runner and engine",
  },
  client: { may: ["core", "protocol", "home"], because: "the client knows only the daemon's socket" },
  cli: {
    may: ["core", "client", "protocol", "home", "mcp"],
    because: "the command line and the daemon communicate only over the socket",
  },
  agents: {
    may: ["core", "sdk"],
    because: "a module on the SDK drives coding agents, and knows only what every module knows",
  },
  sdk: {
    may: ["core", "protocol", "home", "client"],
    because: "a task module contains no code of the daemon",
  },
};

/**
 * Rooms inside rooms: which may import which within `engine` and `cli`, from the innermost outwards. The files beside
 * the inner rooms (such as `ports.ts` and `engine.ts`; `main.ts` of the command line) may import all rooms, and all may
 * import them. Another rule makes sure that no import cycle results.
 */
const innerRooms: Record<string, { may: string[]; because: string }> = {
  "engine/files": { may: [], because: "files and folders know their task only by its id" },
  "engine/notify": { may: [], because: "hooks receive events and change nothing" },
  "engine/hosts": { may: ["files"], because: "a waiting host has no attempt yet" },
  "engine/attempt": {
    may: ["files", "hosts"],
    because: "an attempt does not depend on who asked for it",
  },
  "engine/verbs": {
    may: ["files", "hosts", "attempt"],
    because: "a verb is called from outside, and calls attempts",
  },
  "engine/moving": {
    may: ["files", "attempt", "verbs"],
    because: "it submits and resumes an arriving task with the verbs that a person would use",
  },
  "engine/schedule": {
    may: ["files", "hosts", "attempt", "verbs"],
    because: "it does what is due with the verbs that a person would use",
  },
  "engine/recovery": {
    may: ["files", "hosts", "attempt", "verbs"],
    because: "the start and the stop of a daemon use the other rooms, and no room uses them",
  },
  "cli/text": { may: ["command"], because: "printed text depends on no command" },
  "cli/screen": { may: ["text"], because: "a screen shows only what it is given" },
  "cli/input": { may: ["command", "text"], because: "the caller's input depends on no command" },
  "cli/follow": {
    may: ["command", "text", "input"],
    because: "following a task works the same for every command",
  },
  "cli/command": {
    may: ["text", "input", "commands"],
    because: "it defines how commands look, and finds them in verbs.ts",
  },
  "cli/commands": {
    may: ["command", "text", "input", "follow", "screen"],
    because: "commands use all other rooms, and only verbs.ts imports commands",
  },
};

/** Packages that only one place may import, and why. All other packages are allowed outside of core. */
const packages: Record<string, { in: RegExp; because: string }> = {
  "better-sqlite3": {
    in: /^src\/store\/sqlite\/file\/driver\.ts$/,
    because: "only one place chooses the version that this Node can run",
  },
  pg: {
    in: /^src\/store\/postgres\/connection\.ts$/,
    because: "only one place connects to the database",
  },
  pino: { in: /^src\/daemon\//, because: "the daemon's log has one writer" },
  preact: { in: /^src\/dashboard\//, because: "only the page runs in a browser" },
  "@a2a-js": {
    in: /^src\/daemon\/http\/a2a\//,
    because: "only the files of A2A load its library",
  },
  express: { in: /^src\/daemon\/http\/a2a\//, because: "only the library of A2A needs it" },
  "@modelcontextprotocol": {
    in: /^src\/mcp\//,
    because: "only the files of MCP load its library",
  },
  valibot: { in: /^src\/protocol\//, because: "messages are defined in one place" },
  commander: { in: /^src\/cli\//, because: "only the command line parses arguments" },
  chalk: { in: /^src\/cli\//, because: "only the command line prints colours" },
  ora: { in: /^src\/cli\//, because: "only the command line shows spinners" },
  tsx: { in: /^src\/runner\/host\//, because: "only the module host loads TypeScript" },
};

/** The edges of a process: the files that may read its environment and end it. */
const edges = /^src\/((daemon|cli)\/main\.ts|runner\/host\/|agents\/run-agent\.ts)/;

interface Import {
  from: string;
  isType: boolean;
}

function importsOf(text: string): Import[] {
  const statements = text.matchAll(
    /^\s*(?:import|export)\s+(type\s)?(?:[^;"'()]*?\bfrom\s*)?["']([^"']+)["']/gm,
  );
  const calls = text.matchAll(/\b(?:import|require)\(\s*["']([^"']+)["']/g);
  return [
    ...[...statements].map(([, type, from = ""]) => ({ from, isType: type !== undefined })),
    ...[...calls].map(([, from = ""]) => ({ from, isType: false })),
  ];
}

function resolved(path: string, { from }: Import): string {
  return from.startsWith(".") ? normalize(join(path, "..", from)) : from;
}

function roomOf(path: string): string {
  return /^src\/(runner\/host|[^/]+)\//.exec(path)?.[1] ?? "";
}

function forbiddenRooms({ path, text }: Source): string[] {
  const room = roomOf(path);
  const rule = rooms[room];
  if (!rule) return path === "src/text-modules.d.ts" ? [] : [`${path}: no room of the table`];
  return importsOf(text)
    .map((each) => resolved(path, each))
    .filter((target) => target.startsWith("src/") && roomOf(target) !== room)
    .filter((target) => !rule.may.includes(roomOf(target)))
    .map((target) => `${path} imports ${target}, but ${rule.because}`);
}

/** Returns the inner room of a file, such as `engine/verbs`; undefined for a file that is in none. */
function innerRoomOf(path: string): string | undefined {
  const inner = /^src\/((?:engine|cli)\/[^/]+)\//.exec(path)?.[1];
  return inner;
}

function forbiddenInnerRooms({ path, text }: Source): string[] {
  const inner = innerRoomOf(path);
  if (inner === undefined) return [];
  const rule = innerRooms[inner];
  if (!rule) return [`${path}: no inner room of the table`];
  const outer = inner.split("/")[0];
  return importsOf(text)
    .map((each) => resolved(path, each))
    .filter((target) => ![undefined, inner].includes(innerRoomOf(target)) && roomOf(target) === outer)
    .filter((target) => !rule.may.includes(innerRoomOf(target)?.split("/")[1] ?? ""))
    .map((target) => `${path} imports ${target}, but ${rule.because}`);
}

function forbiddenPackages({ path, text }: Source): string[] {
  return importsOf(text).flatMap(({ from }) => {
    if (from.startsWith(".")) return [];
    if (roomOf(path) === "core") return [`${path} imports ${from}, but core imports nothing, not even node:`];
    const rule = packages[from.split("/")[0] ?? ""];
    return rule && !rule.in.test(path) ? [`${path} imports ${from}, but ${rule.because}`] : [];
  });
}

/** Returns a rule that gives one message for each line of code that matches. Comments do not count. */
function matches(pattern: RegExp, message: string, except = /^$/) {
  return ({ path, text }: Source): string[] => {
    if (except.test(path)) return [];
    const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    return code
      .split("\n")
      .flatMap((line) => (pattern.test(line) ? [`${path}, ${line.trim()}: ${message}`] : []));
  };
}

function repeatedNames({ path, text }: Source): string[] {
  const names = [...text.matchAll(/^\s*(?:it|test)(?:\.\w+)*\(\s*(["'`])(.*?)\1/gm)].map(
    ([, , name]) => name,
  );
  return names
    .filter((name, at) => names.indexOf(name) !== at)
    .map((name) => `${path}: two tests are named "${name}"`);
}

const guards: Guard[] = [
  {
    rule: "rooms import only what the table allows",
    check: forbiddenRooms,
    planted: {
      path: "src/cli/commands/stop.ts",
      text: 'import {\n  serve,\n} from "../../daemon/server.ts";',
    },
  },
  {
    rule: "inner rooms import only what their table allows",
    check: forbiddenInnerRooms,
    planted: {
      path: "src/engine/attempt/pause/ask.ts",
      text: 'import type { PauseOptions } from "../../verbs/pause.ts";',
    },
  },
  {
    rule: "only the listed places import a package, and core imports none",
    check: forbiddenPackages,
    planted: { path: "src/core/time.ts", text: 'import "node:os";' },
  },
  {
    rule: "a process sets process.exitCode instead of calling process.exit",
    check: matches(
      /\bprocess\.exit\(|"node:process"/,
      "process.exit cuts off what is not yet written",
      edges,
    ),
    planted: { path: "src/engine/verbs/pause.ts", text: "  process.exit(1);" },
  },
  {
    rule: "only the edges of a process read the environment",
    check: matches(/\bprocess\.env\b/, "process.env is read at the edge and handed in", edges),
    planted: { path: "src/client/dial.ts", text: "const home = process.env.HOME;" },
  },
  {
    rule: "code takes the time only from the clock",
    check: matches(/\bDate\.now\(|\bnew Date\(\)/, "the time comes from Clock", /^src\/core\/time\.ts$/),
    planted: { path: "src/engine/schedule/plan.ts", text: "const now = Date.now();" },
  },
  {
    rule: "exports are listed by name",
    check: matches(/^\s*export \*/, "export * hides what is exported"),
    planted: { path: "src/sdk/index.ts", text: 'export * from "./task.ts";' },
  },
  {
    rule: "folders and files are named for their subject",
    check: ({ path }) =>
      /\b(utils?|helpers?|common|lib|misc)(\/|\.ts$)/.test(path) ? [`${path}: name the subject`] : [],
    planted: { path: "src/store/utils/rows.ts", text: "" },
  },
  {
    rule: "a docstring stands directly before what it describes",
    check: ({ path, text }) =>
      /\*\/\n *\/\*\*/.test(text) ? [`${path}: one docstring follows another; what is the first of?`] : [],
    planted: { path: "src/core/a.ts", text: "/** The log. */\n/** The file. */\nexport const file = 1;" },
  },
  {
    rule: "a file has at most 300 lines",
    check: ({ path, text }) => {
      const lines = text.trimEnd().split("\n").length;
      return lines > 300 ? [`${path}: ${lines} lines hold two ideas`] : [];
    },
    planted: { path: "src/engine/engine.ts", text: "x\n".repeat(301) },
  },
  {
    rule: "files that tests share register no hooks when they are loaded",
    in: ["test", ".ts"],
    check: matches(
      /^(before|after)(All|Each)\(/,
      "the files of a worker load it once, so only the first has the hook; make it a fixture",
      /\.test\.ts$/,
    ),
    planted: { path: "test/unit/sdk/host-process.ts", text: "afterAll(() => host.remove());" },
  },
  {
    rule: "test names are unique within a file",
    in: ["test", ".test.ts"],
    check: repeatedNames,
    planted: { path: "test/unit/x.test.ts", text: 'test("same", () => {});\n  it.only("same", () => {});' },
  },
];

/** Returns the chain of imports from a file to a package, without type imports; undefined if there is none. */
function wayTo(
  name: string,
  from: string,
  textOf: (path: string) => string | undefined,
): string[] | undefined {
  const seen = new Set<string>();
  const visit = (path: string): string[] | undefined => {
    if (path === name) return [path];
    const text = seen.has(path) ? undefined : textOf(path);
    seen.add(path);
    for (const each of importsOf(text ?? "").filter(({ isType }) => !isType)) {
      const way = visit(resolved(path, each));
      if (way) return [path, ...way];
    }
    return undefined;
  };
  return visit(from);
}

function sourcesOf(folder = "src", ending = ".ts"): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** A rule about all sources together. */
interface WholeGuard {
  rule: string;
  check: (sources: Source[]) => string[];
  planted: Source[];
}

/** Returns one message for each import cycle, including type imports. */
function circles(sources: Source[]): string[] {
  const importedBy = new Map(
    sources.map(({ path, text }) => [path, importsOf(text).map((each) => resolved(path, each))]),
  );
  const reachable = (from: string) => {
    const seen = new Set<string>();
    const open = [...(importedBy.get(from) ?? [])];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      open.push(...(importedBy.get(at) ?? []));
    }
    return seen;
  };
  const reached = new Map(sources.map(({ path }) => [path, reachable(path)]));
  const inCircle = [...reached].filter(([path, others]) => others.has(path)).map(([path]) => path);
  const groups = inCircle.map((path) =>
    inCircle.filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path)).join(", "),
  );
  return [...new Set(groups)].map((group) => `import each other: ${group}`);
}

const MOST_FILES = 20;

function fullFolders(sources: Source[]): string[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > MOST_FILES)
    .map(([folder, count]) => `${folder}: ${count} files beside each other; give some of them a room`);
}

const wholeGuards: WholeGuard[] = [
  {
    rule: "no files import each other in a cycle, including type imports",
    check: circles,
    planted: [
      { path: "src/core/a.ts", text: 'import type { B } from "./b.ts";' },
      { path: "src/core/b.ts", text: 'export { c } from "./c.ts";' },
      { path: "src/core/c.ts", text: 'const a = await import("./a.ts");' },
      { path: "src/core/d.ts", text: 'import type { A } from "./a.ts";' },
    ],
  },
  {
    rule: `no folder directly contains more than ${MOST_FILES} files`,
    check: fullFolders,
    planted: Array.from({ length: MOST_FILES + 1 }, (_, at) => ({ path: `src/core/${at}.ts`, text: "" })),
  },
];

describe.each(wholeGuards)("$rule", ({ check, planted }) => {
  test("holds for all files together", () => {
    expect(check(sourcesOf())).toEqual([]);
  });

  test("finds the planted violation in several files", () => {
    expect(check(planted)).toHaveLength(1);
  });
});

describe.each(guards)("$rule", ({ check, planted, in: place = [] }) => {
  test("holds in every file", () => {
    expect(sourcesOf(...place).flatMap(check)).toEqual([]);
  });

  test("finds the planted violation in one file", () => {
    expect(check(planted)).toHaveLength(1);
  });
});

describe("the command line starts without the schemas", () => {
  const sources = new Map(sourcesOf().map(({ path, text }) => [path, text]));

  test("no chain of imports leads from its main file to valibot", () => {
    expect(wayTo("valibot", "src/cli/main.ts", (path) => sources.get(path))).toBeUndefined();
  });

  test("a planted chain of imports is found", () => {
    const planted: Record<string, string> = {
      "src/cli/main.ts": 'await import("../client/dial.ts");',
      "src/client/dial.ts":
        'import type { A } from "./a.ts";\nimport { methods } from "../protocol/methods.ts";',
      "src/protocol/methods.ts": 'import * as v from "valibot";',
    };
    const way = ["src/cli/main.ts", "src/client/dial.ts", "src/protocol/methods.ts", "valibot"];
    expect(wayTo("valibot", "src/cli/main.ts", (path) => planted[path])).toEqual(way);
  });
});
