import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vitest/config";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8"));

/** Makes an import of a .sql or .sh file its text, as in the bundles. */
const textModules: Plugin = {
  name: "text-modules",
  enforce: "pre",
  load(id) {
    const path = id.split("?")[0] ?? id;
    if (!/\.(sql|sh)$/.test(path)) return null;
    return `export default ${JSON.stringify(readFileSync(path, "utf8"))};`;
  },
};

const needsBuild = ["./test/global-setup.ts"];

export default defineConfig({
  plugins: [textModules],
  define: { __VERSION__: JSON.stringify(version) },
  test: {
    reporters: ["default", "./test/harness/plain-summary-reporter.ts"],
    pool: "forks",
    // Most tests mainly wait for a process.
    maxWorkers: availableParallelism() + 1,
    // No test changes a module that another one uses. To load all modules again for each file takes 1 s of CPU time.
    isolate: false,
    // The tests use real processes on shared machines. The summary names a test that passes only at the second try.
    retry: process.env.CI ? 1 : 0,
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/boundaries.test.ts"],
          testTimeout: 60_000,
        },
      },
      { extends: true, test: { name: "store", include: ["test/store/**/*.test.ts"], testTimeout: 60_000 } },
      {
        extends: true,
        test: {
          name: "e2e",
          sequence: { groupOrder: 1 },
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: needsBuild,
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "faults",
          sequence: { groupOrder: 2 },
          include: ["test/faults/**/*.test.ts"],
          globalSetup: needsBuild,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
