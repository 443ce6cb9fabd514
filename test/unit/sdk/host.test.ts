import { readFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import { until } from "../../harness/until.ts";
import { esm, it } from "./host-process.ts";

describe("a module in any format", { timeout: 20_000 }, () => {
  const sources: [string, string][] = [
    [
      "task.ts",
      `${esm}import { twice } from "./twice.js"; import data from "./data.json";
       enum Colour { Red = "red" }
       const late: number = await Promise.resolve(2);
       export default defineTask<{ k: number }, string>(async (task, input) => [twice(input.k), data.k, Colour.Red, late].join());`,
    ],
    [
      "task.mts",
      `${esm}const k: number = 1; export default defineTask(async (_, { k }: any) => [k * 2, 5, "red", 2].join());`,
    ],
    ["task.mjs", `${esm}export default defineTask((_, { k }) => [k * 2, 5, "red", 2].join());`],
    [
      "plain.js",
      `// a comment\n${esm}const late = await 2;\nexport default defineTask((_, { k }) => [k * 2, 5, "red", late].join());`,
    ],
    [
      "common.js",
      `const { defineTask } = require("agentctl"); const { twice } = require("./twice");
       module.exports = defineTask((_, { k }) => [twice(k), 5, "red", 2].join());`,
    ],
    [
      "mixed.ts",
      `${esm}export default defineTask((_, { k }: any) => [k * 2, 5, "red", __dirname && 2].join());`,
    ],
    [
      "task.cts",
      `import agentctl = require("agentctl"); const k: number = 2; import { twice } from "./twice";
       export = agentctl.defineTask((_, input: any) => [twice(input.k), 5, "red", k].join());`,
    ],
    [
      "task.cjs",
      `exports.default = require("agentctl").defineTask((_, { k }) => [k * 2, 5, "red", 2].join());`,
    ],
  ];
  for (const [name, source] of sources)
    it(name, async ({ run }) => {
      run.daemon.file("twice.ts", "export const twice = (n: number): number => n * 2;");
      run.daemon.file("data.json", '{ "k": 5 }');
      run.daemon.file(
        "tsconfig.json",
        '{ "compilerOptions": { "target": "es5", "module": "none", "paths": {"agentctl": ["./x"]} }, oops',
      );
      expect(await run.run(name, source, { input: { k: 3 } })).toEqual({
        result: { value: "6,5,red,2" },
        code: 0,
      });
      expect(run.log).toBe("");
    });

  it("gets the same instance of the package by import and by require", async ({ run }) => {
    const source = `${esm}import { createRequire } from "node:module";
      const other = createRequire(import.meta.url)("agentctl");
      export default defineTask(() => other.defineTask === defineTask);`;
    expect((await run.run("one.ts", source)).result).toEqual({ value: true });
  });

  it("has the directory and the environment of its task, and no other variables", async ({ run }) => {
    const source = `${esm}export default defineTask((task) => [process.cwd() === task.dir, process.env.OWN, process.env.LEAKED, task.id, task.attempt]);`;
    const { result } = await run.run(
      "env.ts",
      source.replace("process.env.LEAKED", "process.env.LEAKED ?? null"),
      { env: { OWN: "1" } },
    );
    expect(result).toEqual({ value: [true, "1", null, 7, 1] });
  });
});

describe("a module that fails", { timeout: 20_000 }, () => {
  const failures: [string, string, string, { name: string; message: string | RegExp }][] = [
    [
      "throws",
      "throws.ts",
      `${esm}export default defineTask(() => { throw new RangeError("too far"); });`,
      { name: "RangeError", message: "too far" },
    ],
    [
      "throws a text",
      "text.ts",
      `${esm}export default defineTask(() => { throw "just text"; });`,
      { name: "Error", message: "just text" },
    ],
    [
      "throws undefined",
      "undefined.ts",
      `${esm}export default defineTask(() => { throw undefined; });`,
      { name: "Error", message: "the module threw undefined" },
    ],
    [
      "throws at import",
      "import.ts",
      `${esm}throw new Error("not today");`,
      { name: "Error", message: "not today" },
    ],
    [
      "cannot find what it imports",
      "lost.ts",
      `${esm}import "./nowhere.ts";`,
      { name: "Error", message: /^Cannot find module .*nowhere\.ts/ },
    ],
    [
      "has a syntax error",
      "syntax.ts",
      "const a = 1;\nconst b = = 2;",
      { name: "SyntaxError", message: /syntax\.ts:2:10: Unexpected "="$/ },
    ],
    [
      "exports no task",
      "none.ts",
      "export default 5;",
      {
        name: "Error",
        message: /none\.ts does not export a task: export default defineTask\(async \(task, input\) => …\)$/,
      },
    ],
    [
      "ends its process",
      "exit.ts",
      `${esm}export default defineTask(() => process.exit(3));`,
      { name: "Error", message: /^the module ended its process by process\.exit\(3\)/ },
    ],
    [
      "ends its process with exit code 0",
      "exit0.ts",
      `${esm}process.exit(0);`,
      { name: "Error", message: /^the module ended its process by process\.exit\(0\)/ },
    ],
    [
      "leaves a rejection unhandled",
      "unheard.ts",
      `${esm}export default defineTask(() => { void Promise.reject(new TypeError("unheard")); return new Promise(() => {}); });`,
      { name: "TypeError", message: "unheard" },
    ],
    [
      "throws in a callback",
      "callback.ts",
      `${esm}export default defineTask(() => { setTimeout(() => { throw new Error("late"); }); return new Promise(() => {}); });`,
      { name: "Error", message: "late" },
    ],
    [
      "returns what is not JSON",
      "json.ts",
      `${esm}export default defineTask(() => ({ items: [1, 2, 3, { fn() {} }] }));`,
      { name: "TypeError", message: "result.items[3].fn is a function, which JSON cannot hold" },
    ],
  ];
  for (const [what, file, source, { name, message }] of failures)
    it(what, async ({ run }) => {
      const { result, code } = await run.run(file, source);
      const text = typeof message === "string" ? message : expect.stringMatching(message);
      expect({ result, code }).toMatchObject({ result: { error: { name, message: text } }, code: 1 });
      expect(run.log).toContain((result as { error: { message: string } }).error.message);
    });

  it("has only its own stack frames in the log, at their places in the source", async ({ run }) => {
    const source = `${esm}interface Gone { a: 1 }\n\nfunction deep(): never {\n  throw new Error("here");\n}\nexport default defineTask(async () => deep());`;
    await run.run("frames.ts", source);
    const frames = run.log.split("\n").filter((line) => /^\s+at /.test(line));
    expect(frames.map((line) => /frames\.ts:\d+/.exec(line)?.[0])).toEqual(["frames.ts:5", "frames.ts:7"]);
  });
});

describe("the host", { timeout: 20_000 }, () => {
  it("ends when the result is acknowledged, not before, even if handles are open", async ({ run }) => {
    run.daemon.stall("attempt/result");
    run.start(
      run.daemon.file("open.ts", `${esm}export default defineTask(() => { setInterval(() => {}, 1000); });`),
    );
    await until(() => run.daemon.result);
    expect(run.daemon.result).toEqual({ value: null });
    expect(run.code).toBeNull();
    await run.daemon.kill();
    run.daemon.unstall();
    await run.daemon.start();
    await until(() => run.code !== null);
    expect(run.code).toBe(0);
  });

  it("waits for the daemon's response if the module ends its process", async ({ run }) => {
    run.daemon.delayMs = 300;
    const startedAt = performance.now();
    let heardAt = 0;
    run.daemon.answers.set("attempt/result", () => {
      heardAt = performance.now();
      return {};
    });
    await run.run("exits.ts", `${esm}export default defineTask(() => process.exit(0));`);
    expect(heardAt - startedAt).toBeGreaterThan(0);
    expect(performance.now() - heardAt).toBeGreaterThanOrEqual(299);
  });

  it("stays active as long as its module waits, even without a daemon", async ({ run }) => {
    run.start(
      run.daemon.file(
        "wait.ts",
        `${esm}export default defineTask((task) => { console.log("waits"); return new Promise(() => {}); });`,
      ),
    );
    await until(() => run.log.includes("waits"));
    await run.daemon.kill();
    run.daemon.requests.length = 0;
    await run.daemon.start();
    await until(() => run.daemon.sent("attempt/hello").length > 0);
    expect(run.code).toBeNull();
  });

  it("waits for a task, and runs it when it is assigned", async ({ run }) => {
    run.daemon.isAssigned = false;
    run.start(run.daemon.file("t.ts", `${esm}export default defineTask(() => "ran");`));
    await until(() => run.daemon.sent("attempt/hello").length === 1);
    expect(run.daemon.sent("attempt/hello")).toEqual([{ token: "birth", sdk: __VERSION__ }]);
    await run.daemon.kill();
    run.daemon.isAssigned = true;
    await run.daemon.start();
    await until(() => run.code !== null);
    expect(run.daemon.result).toEqual({ value: "ran" });
  });

  it("runs a task to its end across a pause", async ({ run }) => {
    const source = `${esm}export default defineTask(async (task) => {
      const a = await task.step("a", () => { task.log("ran a"); return 1; });
      const b = await task.step("b", () => { task.log("ran b"); return 2; });
      return a + b;
    });`;
    run.daemon.answers.set("attempt/suspended", () => {
      run.process?.kill("SIGKILL");
      run.daemon.answers.clear();
      return {};
    });
    run.daemon.pausing = true;
    const path = run.daemon.file("whole.ts", source);
    run.start(path);
    await until(() => run.process?.signalCode === "SIGKILL");
    run.daemon.pausing = false;
    run.start(path);
    await until(() => run.daemon.result);
    expect(run.daemon.result).toEqual({ value: 3 });
    expect(run.log).toBe("ran a\nran b\n");
  });

  it("reports which step runs before that step blocks the process", async ({ run }) => {
    const source = `${esm}export default defineTask(async (task) => {
      await task.step("first", () => 1);
      void task.save("x".repeat(4_000_000));
      await task.step("blocks", () => { for (;;); });
    });`;
    run.start(run.daemon.file("blocks.ts", source));
    await until(() => run.daemon.sent("attempt/step").some(({ name }) => name === "blocks"));
  });

  it("exits with 75 if its module has left and nobody ended it", async ({ run }) => {
    run.daemon.pausing = true;
    const source = `${esm}export default defineTask((task) => task.step("a", () => 1).then(() => console.log("returned")));`;
    expect(await run.run("left.ts", source)).toEqual({ result: undefined, code: 75 });
    expect(run.daemon.sent("attempt/suspended")).toHaveLength(1);
    expect(run.log).toBe("");
  });

  it("ends at once and silently when its attempt was superseded", async ({ run }) => {
    run.daemon.answers.set("attempt/step", () => {
      throw new AgentctlError("StaleAttempt", { id: 7, attempt: 1 });
    });
    const source = `${esm}process.on("exit", () => console.log("more"));
      export default defineTask((task) => task.step("a", () => 1).finally(() => console.log("returned")));`;
    expect(await run.run("stale.ts", source)).toEqual({ result: undefined, code: 1 });
    expect(run.log).toBe("");
  });

  it("fails if a step does not match the journal", async ({ run }) => {
    const key = { kind: "step", n: 0, base: 0, alone: true } as const;
    run.daemon.journal.push({ ...key, name: "old", call: 0, value: 1 });
    const source = `${esm}export default defineTask((task) => task.step("new", () => 1).catch(() => "caught").finally(() => console.log("returned")));`;
    const { result, code } = await run.run("changed.ts", source);
    expect({ result, code }).toMatchObject({ result: { error: { name: "JournalMismatch" } }, code: 1 });
    expect(run.log).not.toContain("returned");
  });
});

it("the built host contains no path of this machine", ({ built }) => {
  expect(readFileSync(built.path, "utf8")).not.toContain(import.meta.dirname);
});
