import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { capLog } from "../../../src/daemon/log.ts";

test("a log that has grown too large starts again, and one older file is kept", () => {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  const file = join(folder, "daemon.log");
  try {
    capLog(file, 10);
    for (const line of ["first line\n", "second line\n", "third\n"]) {
      appendFileSync(file, line);
      capLog(file, 10);
    }
    expect([readFileSync(`${file}.1`, "utf8"), readFileSync(file, "utf8")]).toEqual([
      "second line\n",
      "third\n",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
