import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { startSharedStore } from "./harness/shared-store.ts";

/** Builds dist/ from the current sources for the tests that run the shipped files, and starts the shared store. */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  execFileSync(process.execPath, [join(import.meta.dirname, "../esbuild.config.js"), "--no-types"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const server = await startSharedStore();
  return server && (() => server.dispose());
}
