import { expect, test } from "vitest";
import { defaultInherited } from "../../../../src/core/inherited.ts";
import { canWait, kindOf, readAtStart, readLater } from "../../../../src/engine/hosts/read-at-start.ts";

const env = { PATH: "/bin", LC_ALL: "C", NODE_ENV: "test", NODE_AUTH_TOKEN: "secret", MY_NODE_ENV: "x" };

test("the variables that a process reads at its start are separated from the rest, without secrets", () => {
  expect(readAtStart(env)).toEqual({ LC_ALL: "C", NODE_ENV: "test" });
  expect(readLater(env)).toEqual({ PATH: "/bin", NODE_AUTH_TOKEN: "secret", MY_NODE_ENV: "x" });
});

test("a kind depends on everything that a process starts with, but not on the order of variables", () => {
  const own = defaultInherited;
  expect(kindOf({ A: "1", B: "2" }, own)).toBe(kindOf({ B: "2", A: "1" }, own));
  expect(kindOf({ A: "1", B: "2" }, own)).not.toBe(kindOf({ A: "1" }, own));
  expect(kindOf({ A: "1" }, own)).not.toBe(kindOf({ A: "1" }, { ...own, nice: 7 }));
});

test.each([
  ["LC_ALL", true],
  ["TZ", true],
  ["NODE_EXTRA_CA_CERTS", true],
  ["NODE_ENV", true],
  ["SSL_CERT_FILE", true],
  ["NODE_OPTIONS", false],
  ["NODE_V8_COVERAGE", false],
  ["LD_PRELOAD", false],
])("a process with %s may start before it has a task: %s", (name, may) => {
  expect(canWait({ LANG: "C.UTF-8", [name]: "x" })).toBe(may);
});
