import { expect } from "vitest";
import { submit } from "../../../src/engine/index.ts";
import { test } from "./engine-bench.ts";

test("checking a long batch does not block the event loop", async ({ bench }) => {
  await bench.engine.store.setQueue("held", { slots: 1 });
  await bench.engine.store.holdQueue("held", "user");
  let turns = 0;
  let next = setImmediate(function count() {
    turns++;
    next = setImmediate(count);
  });
  const all = Array.from({ length: 5000 }, () => ({ argv: ["true"], cwd: bench.dir, queue: "held" }));
  const made = await submit(bench.engine, all, "user", { isBatch: true });
  clearImmediate(next);
  expect(made).toHaveLength(5000);
  expect(turns).toBeGreaterThan(5);
});
