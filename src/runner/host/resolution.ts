import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * How imports are resolved beyond what Node and tsx do, as plain functions. Older Node calls them in its loader thread,
 * newer Node in the thread of the module.
 */

/** The result of a resolve hook. */
export interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** The package whose import resolves to this installation, wherever the module is. */
export const OWN_NAME = "agentctl";

/** The part of the package that runs coding agents. Its file is next to the SDK. */
const AGENTS = `${OWN_NAME}/agents`;

/** Resolves `agentctl` to the one instance at `sdkUrl`, and {@link AGENTS} to the file next to it; else undefined. */
export function ownPackage(specifier: string, sdkUrl: string): Resolved | undefined {
  const result = { format: "module", shortCircuit: true };
  if (specifier === OWN_NAME) return { url: sdkUrl, ...result };
  return specifier === AGENTS ? { url: new URL("./agents.mjs", sdkUrl).href, ...result } : undefined;
}

/**
 * Marks a file with the syntax of ES modules as one, even if no package.json says so. tsx would make it CommonJS, in
 * which a top-level await is an error. A file that also uses features of CommonJS is left to tsx, which serves both.
 */
export function withFormat<R extends Resolved>(resolved: R): R {
  const { url, format } = resolved;
  const isUndecided = format === undefined || format === null || format.startsWith("commonjs");
  if (!isUndecided || !url.startsWith("file:") || url.includes("/node_modules/")) return resolved;
  const file = new URL(url);
  if (!/\.[jt]sx?$/.test(file.pathname)) return resolved;
  return isEsModule(file) ? { ...resolved, format: "module" } : resolved;
}

function isEsModule(file: URL): boolean {
  const code = textOf(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const hasModuleSyntax = /(?:^|;)\s*(?:import\s*[\w$*{"'"]|export\s*(?:[{*]|[a-z]+\s))/m.test(code);
  const isMixed = /\brequire\(|\bmodule\.exports\b|^\s*exports\.|\b__(?:dirname|filename)\b/m.test(code);
  return hasModuleSyntax && (!isMixed || /\bimport\.meta\b/.test(code));
}

/** Returns the text of a file, or "" if it cannot be read: loading it will report the error. */
function textOf(file: URL): string {
  try {
    return readFileSync(fileURLToPath(file), "utf8");
  } catch {
    return "";
  }
}
