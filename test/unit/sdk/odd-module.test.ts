import { describe, expect } from "vitest";
import { esm, it } from "./host-process.ts";

const task = (body: string) => `${esm}export default defineTask(async (task) => {\n${body}\n});`;

describe("a module that takes away what its host needs", { timeout: 20_000 }, () => {
  const taken: [what: string, source: string][] = [
    ["its outputs", "process.stdout.end(); process.stderr.end(); task.log(1); console.error(2);"],
    [
      "timers, which stand still",
      "for (const name of ['setTimeout', 'setImmediate', 'setInterval']) globalThis[name] = () => 0;",
    ],
    ["the date", "globalThis.Date = class { static now() { return 0; } };"],
    ["JSON", "JSON.parse = JSON.stringify = () => { throw new Error('no JSON'); };"],
    ["the end of its process", "process.exit = () => {};"],
  ];
  for (const [what, body] of taken)
    it(`as ${what}, ends as any other`, async ({ run }) => {
      const source = task(`
        ${body}
        await task.step("a", () => 1);
        await task.step("slow", () => { const end = process.hrtime.bigint() + 20_000_000n; while (process.hrtime.bigint() < end); });
        await task.sleep(20);
        return "done";`);
      expect(await run.run("takes.mjs", source)).toEqual({ result: { value: "done" }, code: 0 });
    });
});
