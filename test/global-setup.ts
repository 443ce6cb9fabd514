import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Tests that drive the shipped files drive the ones of the source at hand. */
export function setup(): void {
  execFileSync(process.execPath, [join(import.meta.dirname, "../esbuild.config.js"), "--no-types"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}
