import { expect, test } from "vitest";
import { templateOf } from "../../../../src/cli/text/template.ts";
import { aTask } from "../fixtures.ts";

const task = aTask({ id: 7, labels: { k: "v" }, name: "a\u001b[31m\nb" });

test.for([
  ["{id}\\t{state}", "7\tsubmitted"],
  ["{pause.reason}|{waiting.for}", "|"],
  ["{labels} {labels.k} {argv.0}", '{"k":"v"} v make'],
  ["{{id}\\\\n\\n{ id }", "{id}\\n\n7"],
] as const)("expands %s", ([template, line]) => {
  expect(templateOf(template)(task)).toBe(line);
});

test("control characters of a field never reach the line", () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(templateOf("{name}")(task)).not.toMatch(/[\u0000-\u001f]/);
});

test("an unknown field is refused with the nearest name, and an unclosed brace is refused", () => {
  expect(() => templateOf("{stat}")(task)).toThrow("did you mean state?");
  expect(() => templateOf("{id")).toThrow("not closed");
});
