import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../../..");

/** The host as it is shipped, built from the current source into its own directory. */
export class BuiltHost {
  readonly dir = mkdtempSync(join(tmpdir(), "agentctl-host-"));
  readonly path = join(this.dir, "dist/host.mjs");

  async build(): Promise<void> {
    symlinkSync(join(root, "node_modules"), join(this.dir, "node_modules"));
    await build({
      absWorkingDir: root,
      entryPoints: {
        host: "src/runner/host/main.ts",
        "host-hooks": "src/runner/host/hooks.ts",
        sdk: "src/sdk/index.ts",
      },
      outdir: join(this.dir, "dist"),
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      target: "node20.19",
      format: "esm",
      external: ["tsx", "tsx/*"],
      inject: ["src/runner/host/own-globals.ts"],
      define: { __VERSION__: JSON.stringify(__VERSION__) },
      logLevel: "warning",
    });
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
