/**
 * Rules about the sources that neither the compiler nor the linter holds. Each is data or one function from a file to
 * what is wrong in it, and each comes with a planted violation, so that none can pass without looking.
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
  /** Which files it looks at, by folder and ending, when not the sources. */
  in?: [folder: string, ending: string];
}

/** Who may import whom. A new arrow goes in here with its reason, and nowhere else. */
const rooms: Record<string, { may: string[]; because: string }> = {
  core: { may: [], because: "what states and transitions mean depends on nothing" },
  protocol: { may: ["core"], because: "the wire has one definition, for both of its ends" },
  home: { may: ["core"], because: "where the files of a home are depends on no process and no wire" },
  store: { may: ["core"], because: "the store knows no processes and no wire" },
  runner: {
    may: ["core", "protocol", "home"],
    because: "the runner knows no tables; it tells the engine by callback",
  },
  "runner/host": {
    may: ["core", "protocol", "home", "client", "sdk"],
    because: "the host of a module is a process of its own, and to the daemon a client",
  },
  engine: {
    may: ["core", "home", "store", "runner"],
    because: "the engine knows neither socket nor command line",
  },
  mcp: {
    may: ["core"],
    because: "to the tools of an agent it is one whether the command line or the daemon calls the methods",
  },
  dashboard: {
    may: ["core", "protocol"],
    because: "the page is a client like any other: it takes the types of the methods and what is pure",
  },
  daemon: {
    may: ["core", "engine", "protocol", "home", "store", "runner", "mcp"],
    because:
      "the daemon and the command line meet on the socket only; main.ts puts store, runner and engine together",
  },
  client: { may: ["core", "protocol", "home"], because: "the client knows the daemon by its socket" },
  cli: {
    may: ["core", "client", "protocol", "home", "mcp"],
    because: "the command line and the daemon meet on the socket only",
  },
  agents: {
    may: ["core", "sdk"],
    because:
      "coding agents are driven by a module on the SDK, which knows of the rest only what every module knows",
  },
  sdk: {
    may: ["core", "protocol", "home", "client"],
    because: "a task module carries nothing of the daemon",
  },
};

/**
 * Rooms inside rooms: who may import whom within `engine` and `cli`, from the innermost outwards. The files beside the
 * rooms (`ports.ts`, `engine.ts` and the like; `main.ts` of the command line) are free, and everybody may import them:
 * that no circle comes of it holds another rule.
 */
const innerRooms: Record<string, { may: string[]; because: string }> = {
  "engine/files": { may: [], because: "files and folders know what they are of by its id" },
  "engine/telling": { may: [], because: "hooks hear of events and change nothing" },
  "engine/hosts": { may: ["files"], because: "a host that waits has no attempt yet" },
  "engine/attempt": {
    may: ["files", "hosts"],
    because: "an attempt lives from its launch to its end whoever asked for it",
  },
  "engine/verbs": {
    may: ["files", "hosts", "attempt"],
    because: "a verb is asked for from outside, and asks attempts",
  },
  "engine/moving": {
    may: ["files", "attempt", "verbs"],
    because: "a task that arrives is submitted and resumed by the verbs that a person would use",
  },
  "engine/schedule": {
    may: ["files", "hosts", "attempt", "verbs"],
    because: "what is due is done by the verb that a person would use",
  },
  "engine/recovery": {
    may: ["files", "hosts", "attempt", "verbs"],
    because: "the first and the last minute of a daemon use what the others hold, and nothing uses them",
  },
  "cli/text": { may: ["command"], because: "what is printed depends on no command" },
  "cli/screen": { may: ["text"], because: "a screen shows what it is given" },
  "cli/input": { may: ["command", "text"], because: "what is read from the caller depends on no command" },
  "cli/follow": {
    may: ["command", "text", "input"],
    because: "to follow a task is the same for every command",
  },
  "cli/command": {
    may: ["text", "input", "commands"],
    because: "it holds how commands are defined and found, and finds them in verbs.ts",
  },
  "cli/commands": {
    may: ["command", "text", "input", "follow", "screen"],
    because: "a command uses all of them, and only verbs.ts knows commands",
  },
};

/** Packages that belong to one place, and why; others are free outside of core. */
const packages: Record<string, { in: RegExp; because: string }> = {
  "better-sqlite3": {
    in: /^src\/store\/sqlite\/file\/driver\.ts$/,
    because: "one place knows which version this Node can run",
  },
  pg: {
    in: /^src\/store\/postgres\/connection\.ts$/,
    because: "one place knows how the database is reached",
  },
  pino: { in: /^src\/daemon\//, because: "the daemon's log has one writer" },
  preact: { in: /^src\/dashboard\//, because: "the page is the only thing that is drawn in a browser" },
  "@a2a-js": {
    in: /^src\/daemon\/http\/a2a\//,
    because: "the wire of A2A is loaded with its own file alone",
  },
  express: { in: /^src\/daemon\/http\/a2a\//, because: "only the wire of A2A wants it" },
  "@modelcontextprotocol": {
    in: /^src\/mcp\//,
    because: "the wire of MCP is loaded with its own file alone",
  },
  valibot: { in: /^src\/protocol\//, because: "what crosses the wire is defined in one place" },
  commander: { in: /^src\/cli\//, because: "arguments are parsed in the command line" },
  chalk: { in: /^src\/cli\//, because: "colour is the command line's" },
  ora: { in: /^src\/cli\//, because: "spinners are the command line's" },
  tsx: { in: /^src\/runner\/host\//, because: "only the module host loads TypeScript" },
};

/** The edges of a process, where its environment is read and its end is decided. */
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

/** The room inside a room in which a file lies, such as `engine/verbs`; undefined for one beside them. */
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

/** One message for each line of the code, comments aside, that matches. */
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
    rule: "rooms import what the table allows",
    check: forbiddenRooms,
    planted: {
      path: "src/cli/commands/stop.ts",
      text: 'import {\n  serve,\n} from "../../daemon/server.ts";',
    },
  },
  {
    rule: "rooms inside rooms import what their table allows",
    check: forbiddenInnerRooms,
    planted: {
      path: "src/engine/attempt/pause/ask.ts",
      text: 'import type { PauseOptions } from "../../verbs/pause.ts";',
    },
  },
  {
    rule: "packages stay in their rooms, and core has none",
    check: forbiddenPackages,
    planted: { path: "src/core/time.ts", text: 'import "node:os";' },
  },
  {
    rule: "a process ends by itself, with process.exitCode",
    check: matches(
      /\bprocess\.exit\(|"node:process"/,
      "process.exit cuts off what is not yet written",
      edges,
    ),
    planted: { path: "src/engine/verbs/pause.ts", text: "  process.exit(1);" },
  },
  {
    rule: "the environment is read at the edges",
    check: matches(/\bprocess\.env\b/, "process.env is read at the edge and handed in", edges),
    planted: { path: "src/client/dial.ts", text: "const home = process.env.HOME;" },
  },
  {
    rule: "time comes from the clock",
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
    rule: "a docstring stands before what it describes",
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
    rule: "what tests share registers no hooks when it is loaded",
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

/** The path of imports, types aside, that leads from a file to a package; undefined when none does. */
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

/** Rules about all sources together. */
interface WholeGuard {
  rule: string;
  check: (sources: Source[]) => string[];
  planted: Source[];
}

/** Each group of files that import each other all round, types included, as one message. */
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
    rule: "no files import each other in a circle, types included",
    check: circles,
    planted: [
      { path: "src/core/a.ts", text: 'import type { B } from "./b.ts";' },
      { path: "src/core/b.ts", text: 'export { c } from "./c.ts";' },
      { path: "src/core/c.ts", text: 'const a = await import("./a.ts");' },
      { path: "src/core/d.ts", text: 'import type { A } from "./a.ts";' },
    ],
  },
  {
    rule: `no folder has more than ${MOST_FILES} files beside each other`,
    check: fullFolders,
    planted: Array.from({ length: MOST_FILES + 1 }, (_, at) => ({ path: `src/core/${at}.ts`, text: "" })),
  },
];

describe.each(wholeGuards)("$rule", ({ check, planted }) => {
  test("in all files together", () => {
    expect(check(sourcesOf())).toEqual([]);
  });

  test("and a planted violation of it is found", () => {
    expect(check(planted)).toHaveLength(1);
  });
});

describe.each(guards)("$rule", ({ check, planted, in: place = [] }) => {
  test("in every file", () => {
    expect(sourcesOf(...place).flatMap(check)).toEqual([]);
  });

  test("and a planted violation is found", () => {
    expect(check(planted)).toHaveLength(1);
  });
});

describe("the command line starts without the schemas", () => {
  const sources = new Map(sourcesOf().map(({ path, text }) => [path, text]));

  test("no import leads from its main file to valibot", () => {
    expect(wayTo("valibot", "src/cli/main.ts", (path) => sources.get(path))).toBeUndefined();
  });

  test("and a planted one is found", () => {
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
