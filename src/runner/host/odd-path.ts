import { readFileSync, statSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { compiler } from "./compiler.ts";
import type { Resolved } from "./resolution.ts";

/**
 * Paths that tsx or Node's own resolution cannot take, though the system allows them. tsx cuts the name of a file at a
 * question mark and then does not know it for TypeScript; Node refuses every URL of a file with a backslash in its path.
 */

export interface Loaded {
  format: "module";
  source: string;
  shortCircuit: true;
}

const TYPESCRIPT = /\.m?tsx?$/;
const ENDINGS = ["", ".ts", ".tsx", ".mts", ".js", ".mjs", "/index.ts", "/index.js"];

/** An ES module in TypeScript with a question mark in its path, compiled as tsx would; undefined for every other. */
export function loadedDespiteQuestionMark(
  url: string,
  format: string | null | undefined,
): Loaded | undefined {
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

/** A file with a backslash in its path, imported by URL or relatively; undefined for every other import. */
export function resolvedDespiteBackslash(
  specifier: string,
  parentUrl: string | undefined,
): Resolved | undefined {
  const isRelative = /^\.{1,2}\//.test(specifier);
  if (!isRelative && !specifier.startsWith("file:")) return undefined;
  const base = isRelative ? parentUrl : undefined;
  if (isRelative && !base?.startsWith("file:")) return undefined;
  const asked = new URL(specifier, base).href;
  if (!/%5c/i.test(asked)) return undefined;
  // TypeScript names the file that its own would be compiled to.
  const stems = [asked, asked.replace(/\.(m?)js$/, ".$1ts")];
  const url = stems.flatMap((stem) => ENDINGS.map((ending) => stem + ending)).find(isFile);
  return url === undefined ? undefined : { url, shortCircuit: true };
}

function isFile(url: string): boolean {
  return statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true;
}
