import { readFileSync, statSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { compiler } from "./compiler.ts";
import type { Resolved } from "./resolution.ts";

/**
 * Paths that the system allows, but that tsx or Node's own resolution cannot handle. tsx cuts a file name at a question
 * mark and then does not recognize it as TypeScript. Node refuses every file URL with a backslash in its path.
 */

export interface Loaded {
  format: "module";
  source: string;
  shortCircuit: true;
}

const TYPESCRIPT = /\.m?tsx?$/;
const ENDINGS = ["", ".ts", ".tsx", ".mts", ".js", ".mjs", "/index.ts", "/index.js"];

/** Compiles an ES module in TypeScript with a question mark in its path, as tsx would. Returns undefined for others. */
export function loadDespiteQuestionMark(url: string, format: string | null | undefined): Loaded | undefined {
  if (!url.startsWith("file:") || !/%3f/i.test(url) || format?.startsWith("commonjs")) return undefined;
  const path = fileURLToPath(url);
  if (!TYPESCRIPT.test(path)) return undefined;
  const { code } = compiler().transformSync(readFileSync(path, "utf8"), {
    loader: extname(path) === ".tsx" ? "tsx" : "ts",
    format: "esm",
    target: `node${process.versions.node}`,
    sourcefile: path,
    sourcemap: "inline",
    sourcesContent: false,
  });
  return { format: "module", source: code, shortCircuit: true };
}

/** Resolves an import, by URL or relative, of a file with a backslash in its path. Returns undefined for others. */
export function resolveDespiteBackslash(
  specifier: string,
  parentUrl: string | undefined,
): Resolved | undefined {
  const isRelative = /^\.{1,2}\//.test(specifier);
  if (!isRelative && !specifier.startsWith("file:")) return undefined;
  const base = isRelative ? parentUrl : undefined;
  if (isRelative && !base?.startsWith("file:")) return undefined;
  const requested = new URL(specifier, base).href;
  if (!/%5c/i.test(requested)) return undefined;
  // TypeScript imports a file by the name that it has after compilation.
  const stems = [requested, requested.replace(/\.(m?)js$/, ".$1ts")];
  const url = stems.flatMap((stem) => ENDINGS.map((ending) => stem + ending)).find(isFile);
  return url === undefined ? undefined : { url, shortCircuit: true };
}

function isFile(url: string): boolean {
  return statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true;
}
