import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { faultPoints } from "../../src/core/faults.ts";
import { it } from "../harness/index.ts";

const root = join(import.meta.dirname, "../../src");
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && name !== "core/faults.ts")
  .map((name) => readFileSync(join(root, name), "utf8"))
  .join("\n");

/** Returns the fault points in the sources: those of the engine by name, those of the store two for each write. */
function passed(text: string): Set<string> {
  const named = [...text.matchAll(/fault\(\s*"([^"]+)"/g)].map(([, point]) => point as string);
  const writes = [...text.matchAll(/\b(?:write|asLive)\(\s*"([a-z-]+)"/g)].map(([, name]) => name as string);
  const moves = /\bwrite\(change\.transition,/.test(text) ? transitionsIn() : [];
  return new Set([
    ...named,
    ...[...writes, ...moves].flatMap((name) => [`${name}:before-commit`, `${name}:after-commit`]),
  ]);
}

function transitionsIn(): string[] {
  const table = readFileSync(join(root, "core/machine.ts"), "utf8").split("} as const")[0] ?? "";
  // `create` makes a task; `run` is the name of its first event.
  return [...table.matchAll(/^ {2}([a-z]+): \{/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== "run");
}

describe("the list of fault points", () => {
  it("has each point that the sources pass, and no other", () => {
    expect([...passed(sources)].sort()).toEqual([...faultPoints.keys()].sort());
  });

  it("does not have a planted point", () => {
    expect([...passed('engine.fault("start:nowhere");')]).toEqual(["start:nowhere"]);
    expect(faultPoints.has("start:nowhere")).toBe(false);
  });

  it("refuses an unknown point, and names similar ones", async ({ home }) => {
    home.env.AGENTCTL_FAULT = "thaw:sometime";
    const { code, stderr } = await home.cli("daemon", "start");
    expect(code).toBe(2);
    expect(stderr).toContain('"thaw:sometime" is no <point> or <point>@<n>');
    expect(stderr).toContain("thaw:before-continue, thaw:after-continue");
  });

  it.for(["start:after-launch@0", "start:after-launch@", ":before-commit"])(
    "refuses %s",
    async (fault, { home }) => {
      home.env.AGENTCTL_FAULT = fault;
      expect((await home.cli("daemon", "start")).code).toBe(2);
    },
  );
});
