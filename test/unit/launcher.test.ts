import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { launcher, runCommand } from "../harness/command.ts";

test("a checkout that is not built says which command builds it", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ac-"));
  cpSync(dirname(launcher), join(dir, "bin"), { recursive: true });
  const result = await runCommand(process.execPath, [join(dir, "bin/agentctl.js"), "list"], {});
  rmSync(dir, { recursive: true });
  expect(result).toEqual({
    code: 70,
    stdout: "",
    stderr: "agentctl is not built: dist/cli.cjs is missing; run npm run build\n",
  });
});
