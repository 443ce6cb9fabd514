import { describe, expect } from "vitest";
import { esm, it } from "./host-process.ts";

const task = (body: string) => `${esm}export default defineTask(async (task) => {\n${body}\n});`;

describe("a module that throws", { timeout: 20_000 }, () => {
  const hidden = (key: string) =>
    task(`
    const error = new Error("what went wrong");
    Object.defineProperty(error, "${key}", { get() { throw error; } });
    throw error;`);
  const thrown: [what: string, source: string, name: string, message: string][] = [
    ["an error whose name throws", hidden("name"), "Error", "what went wrong"],
    ["an error whose stack throws", hidden("stack"), "Error", "what went wrong"],
    ["an error whose message throws", hidden("message"), "Error", "Error (no message)"],
    [
      "an error with a name and a message that are not texts",
      task("throw Object.assign(new Error(), { name: 42, message: { a: 1 } });"),
      "42",
      "{ a: 1 }",
    ],
    [
      "an error with twenty megabytes of data",
      task('throw Object.assign(new Error("big"), { data: { body: "x".repeat(20_000_000) } });'),
      "Error",
      "big",
    ],
    [
      "an error with data nested deeper than a message may be",
      task(`
        const data = {};
        for (let at = data, n = 0; n < 3000; n++) at = at.next = {};
        throw Object.assign(new Error("deep"), { data });`),
      "Error",
      "deep",
    ],
    [
      "several errors without a message for all",
      task('throw new AggregateError([new Error("one"), new Error("two")]);'),
      "AggregateError",
      "one; two",
    ],
    [
      "an error of another realm",
      task(`(await import("node:vm")).runInNewContext('throw new TypeError("over there")');`),
      "TypeError",
      "over there",
    ],
    [
      "a value that throws when it is shown",
      task(`throw { [Symbol.for("nodejs.util.inspect.custom")]() { throw new Error("no"); } };`),
      "Error",
      "the module threw a value that cannot be printed",
    ],
  ];
  for (const [what, source, name, message] of thrown)
    it(`${what} fails with a readable error`, async ({ run }) => {
      expect(await run.run("throws.mjs", source)).toEqual({ result: { error: { name, message } }, code: 1 });
    });
});

describe("a module that cannot be loaded", { timeout: 20_000 }, () => {
  it("names the place of a syntax error in JavaScript", async ({ run }) => {
    const { result } = await run.run("syntax.mjs", "const a = 1;\nconst b = = 2;");
    const message = expect.stringMatching(/\/syntax\.mjs:2:\d+: Unexpected "="$/);
    expect(result).toEqual({ error: { name: "SyntaxError", message } });
  });

  it("names the place of a syntax error in a file that it imports", async ({ run }) => {
    run.daemon.file("inner.mjs", "export const a = (;");
    const { result } = await run.run("outer.mjs", `${esm}import "./inner.mjs";`);
    const message = expect.stringMatching(/\/inner\.mjs:1:\d+: Unexpected ";"$/);
    expect(result).toEqual({ error: { name: "SyntaxError", message } });
  });

  it("names the command for programs if it is a program", async ({ run }) => {
    const { result } = await run.run("program.js", 'console.log("done");');
    const message = expect.stringMatching(
      /does not export a task: .*; to run it as a program, call agentctl run node <file>$/,
    );
    expect(result).toEqual({ error: { name: "Error", message } });
    expect(run.log).toContain("done");
  });
});

describe("a module that breaks", { timeout: 20_000 }, () => {
  const taken: [what: string, source: string][] = [
    ["its outputs", "process.stdout.end(); process.stderr.end(); task.log(1); console.error(2);"],
    [
      "the timers",
      "for (const name of ['setTimeout', 'setImmediate', 'setInterval']) globalThis[name] = () => 0;",
    ],
    ["the date", "globalThis.Date = class { static now() { return 0; } };"],
    ["JSON", "JSON.parse = JSON.stringify = () => { throw new Error('no JSON'); };"],
    ["process.exit", "process.exit = () => {};"],
  ];
  for (const [what, body] of taken)
    it(`${what} ends like any other`, async ({ run }) => {
      const source = task(`
        ${body}
        await task.step("a", () => 1);
        await task.step("slow", () => { const end = process.hrtime.bigint() + 20_000_000n; while (process.hrtime.bigint() < end); });
        await task.sleep(20);
        return "done";`);
      expect(await run.run("takes.mjs", source)).toEqual({ result: { value: "done" }, code: 0 });
    });
});
