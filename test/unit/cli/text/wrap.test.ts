import { expect, test } from "vitest";
import { foldCode, wrapBlock } from "../../../../src/cli/text/wrap.ts";

test("a notice wraps at spaces, and its continuation lines are indented", () => {
  expect(wrapBlock("task 12 waits: queue nightly is held\n  agentctl queue release nightly", 24)).toBe(
    ["task 12 waits: queue", "  nightly is held", "  agentctl queue release", "    nightly"].join("\n"),
  );
  expect(wrapBlock("\u001b[31magentctl:\u001b[39m no", 12)).toBe("\u001b[31magentctl:\u001b[39m no");
  expect(wrapBlock("a/word/that/is/longer than", 10)).toBe("a/word/that/is/longer\n  than");
});

test("a long shell line wraps between words with a backslash, and its comment goes below", () => {
  const fold = (line: string) => foldCode(line, 40, true);
  expect(fold("  agentctl wait 12")).toEqual(["  agentctl wait 12"]);
  expect(
    fold(`  agentctl run --name counter sh -c 'sleep 5; echo "a b"'  # a remark of some length, too`),
  ).toEqual([
    "  agentctl run --name counter sh -c \\",
    `    'sleep 5; echo "a b"'`,
    "    # a remark of some length, too",
  ]);
  expect(fold(`echo "it's \\"so\\"" it\\'s ${"x".repeat(30)}`)).toEqual([
    `echo "it's \\"so\\"" it\\'s \\`,
    `  ${"x".repeat(30)}`,
  ]);
  expect(fold(`sh -c 'while sleep 1; do echo a long line; echo another; done' <in`)).toEqual([
    "sh -c \\",
    "  'while sleep 1; do echo a long line;",
    "  echo another; done' <in",
  ]);
  expect(fold("  # only a remark, which is longer than it may be")).toEqual([
    "  # only a remark, which is longer than",
    "  # it may be",
  ]);
});

test("a long line of other code wraps at spaces", () => {
  expect(foldCode("  params { id: Ref, text?: string, newline?: boolean }", 40, false)).toEqual([
    "  params { id: Ref, text?: string,",
    "    newline?: boolean }",
  ]);
});
