import { expect, test } from "vitest";
import { notification } from "../../../../src/engine/notify/desktop.ts";
import { nextTry } from "../../../../src/engine/notify/notifier.ts";

test("a delivery is tried again after 1, 2, 4 … seconds, up to an hour apart", () => {
  const delays = Array.from({ length: 14 }, (_, tries) => (nextTry({ tries, firstAt: 0 }, 0) ?? 0) / 1000);
  expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
});

test("a delivery is given up a day after its first try", () => {
  let at = 0;
  let tries = 0;
  for (let next: number | null = 0; next !== null; tries++) {
    at = next;
    next = nextTry({ tries, firstAt: 0 }, at);
  }
  expect(at / 3_600_000).toBeGreaterThan(22.9);
  expect(at / 3_600_000).toBeLessThanOrEqual(24);
});

test("a notification passes its texts as arguments, never as options", () => {
  for (const platform of ["linux", "darwin"] as const) {
    const argv = notification(platform, "--title", "-body");
    expect(argv.slice(argv.indexOf("--"))).toEqual(["--", "--title", "-body"]);
  }
});
