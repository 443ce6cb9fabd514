import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import { it } from "../harness/index.ts";

const launcher = join(import.meta.dirname, "../../bin/agentctl.js");

it("hands on an --env-file that is the program's own, which Node would take for itself", async ({ home }) => {
  const args = ["run", "--wait", "echo", "--env-file", "/not/there"];
  const id = execFileSync(launcher, args, { env: home.env, cwd: home.work, encoding: "utf8" }).trim();
  expect((await home.cli("logs", id)).stdout).toBe("--env-file /not/there\n");
});
