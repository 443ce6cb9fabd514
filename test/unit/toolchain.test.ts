import { expect, test } from "vitest";

test("the build replaces __VERSION__ with the version of the package", () => {
  expect(__VERSION__).toMatch(/^\d+\.\d+\.\d+/);
});
