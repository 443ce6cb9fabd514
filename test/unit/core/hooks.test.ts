import { expect, test } from "vitest";
import { hooksWithoutSecrets, matchesTask, readHooks } from "../../../src/core/hooks.ts";
import { task } from "../engine/tasks.ts";

function hookWhere(where: object) {
  const read = readHooks([{ on: "failed", where, run: ["true"] }]);
  if (!("value" in read) || !read.value[0]) throw new Error("refused");
  return read.value[0];
}

test.for([
  ["build-*", "build-", true],
  ["build-*", "xbuild-1", false],
  ["b?", "bé", true],
  ["b?", "b", false],
  ["v[0-3]", "v2", true],
  ["v[!0-3]", "v2", false],
  ["a.c", "abc", false],
  ["a[", "a[", true],
] as const)("a hook with the name pattern %s matches the name %s: %s", ([name, given, isMeant]) => {
  expect(matchesTask(hookWhere({ name }), task({ name: given }))).toBe(isMeant);
});

test("a hook for a queue, a label or a name matches neither deleted tasks nor tasks without it", () => {
  for (const where of [{ queue: "q" }, { labels: { k: "v" } }, { name: "*" }]) {
    expect(matchesTask(hookWhere(where), null)).toBe(false);
    expect(matchesTask(hookWhere(where), task())).toBe(false);
  }
  expect(matchesTask(hookWhere({}), null)).toBe(true);
});

test("a hook's secret is not shown", () => {
  const [shown] = hooksWithoutSecrets([{ on: "failed", url: "https://x.example", secret: "s3cret" }]);
  expect(JSON.stringify(shown)).not.toContain("s3cret");
});

test("a secret in the wrong format is refused", () => {
  expect(readHooks([{ on: "failed", url: "https://x.example", secret: "whsec_%" }])).toEqual({
    reason: "hook 1: `secret`: what follows whsec_ must be base64",
  });
});
