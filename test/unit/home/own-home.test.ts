import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requireHome } from "../../../src/home/own-home.ts";
import { pathsOf } from "../../../src/home/paths.ts";

const HOMES = 300;

/** Makes one home after another, as a daemon does. Each begins when the test has seen the one before complete. */
const maker = `
const { existsSync, mkdirSync, writeFileSync } = require("node:fs");
const [folder, count] = process.argv.slice(1);
for (let n = 0; n < Number(count); n++) {
  const home = folder + "/" + n;
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(home + "/daemon.lock", "");
  writeFileSync(home + "/machine.json", "");
  while (!existsSync(folder + "/seen" + n));
}`;

test("a home that another command is creating is never refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "agentctl-homes-"));
  const child = spawn(process.execPath, ["-e", maker, folder, String(HOMES)], { stdio: "inherit" });
  const ended = once(child, "exit");
  try {
    for (let n = 0; n < HOMES; n++) {
      const paths = pathsOf({ AGENTCTL_HOME: join(folder, String(n)), HOME: folder });
      while (!existsSync(join(paths.home, "machine.json"))) requireHome(paths);
      mkdirSync(join(folder, `seen${n}`));
    }
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
