import { dirname, resolve } from "node:path";
import type { BuildFailure } from "esbuild";
import { compiler } from "./compiler.ts";

/** What a bundler misses, and Node may find. */
const OTHER_ERRORS = /^(?:Could not resolve|No loader|No matching export)/;

/**
 * Node tells a syntax error in an ES module without its place. This gives the error with it, where the module at `path` or
 * a file that it imports has one; else what was thrown.
 */
export function withPlace(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof SyntaxError) || hasPlace(thrown)) return thrown;
  const place = placeIn(path);
  return place === undefined ? thrown : new SyntaxError(place);
}

/** Frames of other files than Node's, or the place before the name, as of an import without its export. */
function hasPlace({ name, stack = "" }: Error): boolean {
  const [first = "", ...lines] = stack.split("\n");
  return !first.startsWith(name) || lines.some((line) => /^\s+at /.test(line) && !line.includes("node:"));
}

function placeIn(path: string): string | undefined {
  const folder = dirname(path);
  try {
    compiler().buildSync({
      entryPoints: [path],
      absWorkingDir: folder,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      tsconfigRaw: {},
      write: false,
      logLevel: "silent",
    });
    return undefined;
  } catch (error) {
    const { errors = [] } = error as Partial<BuildFailure>;
    const found = errors.find(({ location, text }) => location !== null && !OTHER_ERRORS.test(text));
    if (!found?.location) return undefined;
    const { file, line, column } = found.location;
    return `${resolve(folder, file)}:${line}:${column + 1}: ${found.text}`;
  }
}
