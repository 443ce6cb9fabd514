import { createRequire } from "node:module";

/** The compiler that tsx brings, so that what it does not load is compiled as it would. */
export function compiler(): typeof import("esbuild") {
  return createRequire(createRequire(import.meta.url).resolve("tsx/package.json"))("esbuild");
}
