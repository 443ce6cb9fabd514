import { expect, it } from "vitest";
import { Briefness } from "../../../src/sdk/steps/briefness.ts";

it("a step is expected to be brief if the last step of its name was brief", () => {
  const briefness = new Briefness();
  expect(briefness.expects("a")).toBe(false);
  briefness.learn("a", true);
  expect([briefness.expects("a"), briefness.expects("b")]).toEqual([true, false]);
  briefness.learn("a", false);
  expect(briefness.expects("a")).toBe(false);
});

it("a step with a new name is expected to be brief after eight brief steps in a row", () => {
  const briefness = new Briefness();
  for (let n = 0; n < 7; n++) briefness.learn(`step ${n}`, true);
  expect(briefness.expects("new")).toBe(false);
  briefness.learn("step 7", true);
  expect(briefness.expects("new")).toBe(true);
  briefness.learn("lasts", false);
  expect([briefness.expects("new"), briefness.expects("lasts"), briefness.expects("step 0")]).toEqual([
    false,
    false,
    true,
  ]);
});
