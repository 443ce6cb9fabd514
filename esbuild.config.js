/**
 * Builds dist/: a few self-contained files, so that a command starts with one read instead of a hundred. Two packages
 * cannot be bundled and stay outside: better-sqlite3, which is compiled, and tsx, which finds its own parts by path.
 *
 * Each file is put in place by a rename, and only if its content changed. A daemon or a test that starts during a build
 * reads either the old file or the new file, never a part of one.
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

/** Replacements in CommonJS, which has no import.meta. `import.meta.url` has none, and fails the build. */
const metaOfCommonJs = { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" };

/** Functions that many commands import and few call. Each loads its module when it is called. */
const onDemand = [
  {
    module: "node:child_process",
    names: ["spawn"],
    by: /\/(node_modules\/commander\/.*|client\/over-ssh\.ts|input\/piped\.ts)$/,
  },
  { module: "node:fs/promises", names: ["open"], by: /\/home\/log-file\.ts$/ },
  // Loading its segmenter takes as long as the rest of a command, and only non-ASCII text needs it.
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
 * Node compiles the command line at every call, so it is minified. Its first line is a hash of its content, under which
 * the launcher caches the compiled code.
 */
const short = { minifyWhitespace: true, minifySyntax: true, plugins: [loadOnDemand] };

/** Options for code that runs in one process with the user's module. */
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
    entry: "src/daemon/notify/traces.ts",
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

/** Returns what sh does before it starts Node: the launcher's second line behind `":" //;`, a comment to Node. */
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

/** Writes a file so that a reader sees all of it or nothing. */
function put(path, content, mode = 0o644) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content);
  chmodSync(draft, mode);
  renameSync(draft, path);
}

/** Returns `content` after a line with its hash. */
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

/** The folders of the packages that the bundles contain parts of. */
const bundled = new Set();

/** Returns the licences of the bundled packages, which require that they are distributed along. */
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
  // esbuild and tsc have already printed what is wrong and where.
  if (!error.errors && error.status === undefined) throw error;
  process.exitCode = 1;
}
