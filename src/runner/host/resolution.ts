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

/** `agentctl` as the one instance of `sdkUrl`. */
export function ownPackage(sdkUrl: string): Resolved {
  return { url: sdkUrl, format: "module", shortCircuit: true };
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
