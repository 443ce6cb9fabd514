import { expect, test } from "vitest";

test("the version of the package is put in by name", () => {
  expect(__VERSION__).toMatch(/^\d+\.\d+\.\d+/);
});
