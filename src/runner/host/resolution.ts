import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * What resolving an import needs beyond Node and tsx, as plain functions: older Node asks them in its loader thread,
 * newer Node in the thread of the module.
 */

/** What a resolve hook answers. */
export interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** The package whose import means this installation, wherever the module is. */
export const OWN_NAME = "agentctl";

/** The part of the package that runs coding agents; it lies beside the SDK. */
const AGENTS = `${OWN_NAME}/agents`;

/** `agentctl` as the one instance of `sdkUrl`, and what lies beside it; undefined for every other import. */
export function ownPackage(specifier: string, sdkUrl: string): Resolved | undefined {
  const own = { format: "module", shortCircuit: true };
  if (specifier === OWN_NAME) return { url: sdkUrl, ...own };
  return specifier === AGENTS ? { url: new URL("./agents.mjs", sdkUrl).href, ...own } : undefined;
}

/**
 * A file with the syntax of ES modules is one, also where no package.json says so. tsx would make it CommonJS, in which
 * a top-level await is an error. A file that mixes in what only CommonJS has stays with tsx, which serves both.
 */
export function withFormat<R extends Resolved>(resolved: R): R {
  const { url, format } = resolved;
  const isOpen = format === undefined || format === null || format.startsWith("commonjs");
  if (!isOpen || !url.startsWith("file:") || url.includes("/node_modules/")) return resolved;
  const file = new URL(url);
  if (!/\.[jt]sx?$/.test(file.pathname)) return resolved;
  return isEsModule(file) ? { ...resolved, format: "module" } : resolved;
}

function isEsModule(file: URL): boolean {
  const code = textOf(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const declares = /(?:^|;)\s*(?:import\s*[\w$*{"'"]|export\s*(?:[{*]|[a-z]+\s))/m.test(code);
  const isMixed = /\brequire\(|\bmodule\.exports\b|^\s*exports\.|\b__(?:dirname|filename)\b/m.test(code);
  return declares && (!isMixed || /\bimport\.meta\b/.test(code));
}

/** A file that cannot be read is reported by who loads it. */
function textOf(file: URL): string {
  try {
    return readFileSync(fileURLToPath(file), "utf8");
  } catch {
    return "";
  }
}
