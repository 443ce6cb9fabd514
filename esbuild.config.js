/**
 * Builds dist/: a few self-contained files, so that a command starts with one read instead of a hundred.
 * Only what cannot be bundled stays outside: better-sqlite3, which is compiled, and tsx, which finds its own parts by path.
 *
 * Each file is put in place by rename, and only when its content changed: a daemon or a test that starts during a build
 * reads the old file or the new one, never half of one.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";

const root = import.meta.dirname;
const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** CommonJS has no import.meta; these two mean the same there. `import.meta.url` does not, and fails the build. */
const metaOfCommonJs = { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" };

/** What many commands name and few use. Each of these functions loads its module when it is called. */
const onDemand = [
  {
    module: "node:child_process",
    names: ["spawn"],
    by: /\/(node_modules\/commander\/.*|client\/over-ssh\.ts|input\/piped\.ts)$/,
  },
  { module: "node:fs/promises", names: ["open"], by: /\/home\/log-file\.ts$/ },
  // Its segmenter alone takes as long as all the rest of a command; only text beside ASCII needs it.
  { module: "string-width", names: ["default"], by: /\/text\/table\.ts$/ },
];

const loadOnDemand = {
  name: "load-on-demand",
  setup({ onResolve, onLoad }) {
    for (const { module, names, by } of onDemand) {
      const namespace = `on-demand-${module}`;
      onResolve({ filter: new RegExp(`^${module}$`) }, ({ importer }) =>
        by.test(importer) ? { path: module, namespace } : undefined,
      );
      onLoad({ filter: /.*/, namespace }, () => ({
        contents: names
          .map(
            (name) =>
              `export { call_${name} as ${name} }; const call_${name} = (...args) => require("${module}").${name}(...args);`,
          )
          .join("\n"),
        resolveDir: root,
      }));
    }
  },
};

/**
 * The command line is compiled at every call, so it is written short, and its first line names its content: the
 * launcher keeps compiled code by that name.
 */
const short = { minifyWhitespace: true, minifySyntax: true, plugins: [loadOnDemand] };

/** What runs beside a module of the user's. */
const besideModules = { inject: ["src/runner/host/own-globals.ts"] };

const bundles = [
  { entry: "src/cli/main.ts", out: "cli.cjs", format: "cjs", options: short, isNamed: true },
  { entry: "src/daemon/main.ts", out: "daemon.cjs", format: "cjs", isNamed: true },
  { entry: "src/daemon/http/serve.ts", out: "http.cjs", format: "cjs" },
  {
    entry: "src/daemon/http/a2a/serve.ts",
    out: "a2a.cjs",
    format: "cjs",
    options: { minifyWhitespace: true, minifySyntax: true },
  },
  {
    entry: "src/daemon/telling/traces.ts",
    out: "traces.cjs",
    format: "cjs",
    options: { minifyWhitespace: true, minifySyntax: true },
  },
  {
    entry: "src/mcp/serve.ts",
    out: "mcp.cjs",
    format: "cjs",
    options: { minifyWhitespace: true, minifySyntax: true },
  },
  {
    entry: "src/dashboard/main.tsx",
    out: "dashboard/app.js",
    format: "esm",
    options: {
      platform: "browser",
      target: "es2022",
      minify: true,
      jsx: "automatic",
      jsxImportSource: "preact",
    },
  },
  {
    entry: "src/runner/host/main.ts",
    out: "host.mjs",
    format: "esm",
    external: ["tsx", "tsx/*"],
    options: besideModules,
  },
  { entry: "src/runner/host/hooks.ts", out: "host-hooks.mjs", format: "esm", external: ["tsx", "tsx/*"] },
  { entry: "src/agents/task.ts", out: "agent-task.mjs", format: "esm", options: besideModules },
  { entry: "src/agents/index.ts", out: "agents.mjs", format: "esm", options: besideModules },
  { entry: "src/agents/hook.ts", out: "agent-hook.cjs", format: "cjs" },
  { entry: "src/sdk/index.ts", out: "sdk.mjs", format: "esm" },
];

/** What the launcher has sh do before it starts Node, in its second line: a string to Node, behind `":" //;`. */
function beforeNode() {
  const [, line = ""] = readFileSync(join(root, "bin/agentctl.js"), "utf8").split("\n");
  const [, work] = /^":" \/\/; (.+; fi ;; esac); \[ \$\$ -ne 1 \] /.exec(line) ?? [];
  if (work === undefined) throw new Error("the second line of bin/agentctl.js is not as expected");
  return work;
}

const pathShim = `#!/bin/sh
# What a task finds as \`agentctl\` on its PATH: this very installation, run by the Node that runs the daemon, or where that
# was removed by the one on the PATH. What comes before that is what bin/agentctl.js does.
${beforeNode()}
[ -x "$AGENTCTL_NODE" ] || AGENTCTL_NODE=node
exec "$AGENTCTL_NODE" -- "\${0%/*}/../../bin/agentctl.js" "$@"
`;

/** Writes a file that a reader sees whole or not at all. */
function put(path, content, mode = 0o644) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content);
  chmodSync(draft, mode);
  renameSync(draft, path);
}

/** `content` after a line with its hash. */
function named(content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  return Buffer.concat([Buffer.from(`//${hash}\n`), content]);
}

async function bundle({ entry, out, format, external = [], options = {}, isNamed = false }) {
  if (!existsSync(join(root, entry))) {
    console.log(`skipped ${out}: ${entry} is not there yet`);
    return;
  }
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(dist, out),
    write: false,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format,
    external,
    loader: { ".sql": "text", ".sh": "text" },
    define: { __VERSION__: JSON.stringify(version), ...(format === "cjs" ? metaOfCommonJs : {}) },
    logLevel: "warning",
    logOverride: { "empty-import-meta": "error" },
    legalComments: "none",
    metafile: true,
    ...options,
  });
  for (const input of Object.keys(result.metafile.inputs)) {
    const [name] = /(?<=^|\/)node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
    if (name) bundled.add(name);
  }
  for (const { path, contents } of result.outputFiles) put(path, isNamed ? named(contents) : contents);
}

/** Packages of which something is in the bundles, by their folders. */
const bundled = new Set();

/** The licences of what is in the bundles, which ask to be passed on with it. */
function licences() {
  const texts = [...bundled].sort().map((folder) => {
    const place = join(root, folder);
    const { name, version, license } = JSON.parse(readFileSync(join(place, "package.json"), "utf8"));
    const file = readdirSync(place).find((each) => /^licen[cs]e/i.test(each));
    const text = file ? readFileSync(join(place, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

function declarations() {
  if (!existsSync(join(root, "src/sdk/index.ts"))) return;
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.sdk.json")], { stdio: "inherit" });
}

const startedAt = performance.now();
try {
  await Promise.all(bundles.map(bundle));
  put(join(dist, "path/agentctl"), pathShim, 0o755);
  put(join(dist, "LICENSES.txt"), licences());
  for (const name of ["index.html", "style.css"]) {
    put(join(dist, "dashboard", name), readFileSync(join(root, "src/dashboard", name)));
  }
  if (!process.argv.includes("--no-types")) declarations();
  console.log(`built ${relative(process.cwd(), dist)} in ${Math.round(performance.now() - startedAt)} ms`);
} catch (error) {
  // esbuild and tsc have said by themselves what is wrong where.
  if (!error.errors && error.status === undefined) throw error;
  process.exitCode = 1;
}
