import { expect, test } from "vitest";
import { wrapBlock } from "../../../../src/cli/text/wrap.ts";

test("a notice is broken at spaces, and what is broken off stands further in", () => {
  expect(wrapBlock("task 12 waits: queue nightly is held\n  agentctl queue release nightly", 24)).toBe(
    ["task 12 waits: queue", "  nightly is held", "  agentctl queue release", "    nightly"].join("\n"),
  );
  expect(wrapBlock("\u001b[31magentctl:\u001b[39m no", 12)).toBe("\u001b[31magentctl:\u001b[39m no");
  expect(wrapBlock("a/word/that/is/longer than", 10)).toBe("a/word/that/is/longer\n  than");
});
