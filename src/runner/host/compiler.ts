import { createRequire } from "node:module";

/** Returns the compiler of tsx, so that files that tsx does not load are compiled in the same way. */
export function compiler(): typeof import("esbuild") {
  return createRequire(createRequire(import.meta.url).resolve("tsx/package.json"))("esbuild");
}
