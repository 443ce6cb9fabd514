import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Environments } from "../../../../src/engine/files/environments.ts";

test("an environment that once could not be written is still removed after its last task", () => {
  const folder = mkdtempSync(join(tmpdir(), "ac-"));
  try {
    const environments = new Environments(folder, () => undefined);
    const hash = environments.put({ A: "b" });
    environments.settle(hash);
    environments.remove(hash);
    rmSync(folder, { recursive: true });
    expect(() => environments.put({ A: "b" })).toThrow("the environment could not be kept");
    mkdirSync(folder);
    expect(environments.put({ A: "b" })).toBe(hash);
    environments.settle(hash);
    environments.remove(hash);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
