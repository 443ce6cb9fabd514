import { dirname, resolve } from "node:path";
import type { BuildFailure } from "esbuild";
import { compiler } from "./compiler.ts";

/** Errors about what a bundler does not find, but Node may. */
const OTHER_ERRORS = /^(?:Could not resolve|No loader|No matching export)/;

/**
 * Returns a syntax error with its place, which Node omits for ES modules. The place is searched in the module at `path`
 * and the files that it imports. Returns `thrown` itself if it is not such an error, or no place is found.
 */
export function withPlace(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof SyntaxError) || hasPlace(thrown)) return thrown;
  const place = placeIn(path);
  return place === undefined ? thrown : new SyntaxError(place);
}

/** Whether the stack has frames outside Node, or begins with the place, as for an import of a missing export. */
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
    const syntaxError = errors.find(({ location, text }) => location !== null && !OTHER_ERRORS.test(text));
    if (!syntaxError?.location) return undefined;
    const { file, line, column } = syntaxError.location;
    return `${resolve(folder, file)}:${line}:${column + 1}: ${syntaxError.text}`;
  }
}
