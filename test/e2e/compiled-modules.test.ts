import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { taskModule } from "./story.ts";

it("leaves no compiled module in a temporary folder that others can read or create first", async ({
  home,
}) => {
  const secret = `secret ${home.root}`;
  const required = `required ${home.root}`;
  home.module(`export const word: string = ${JSON.stringify(required)};`, "required.ts");
  const common = home.module(
    'const { defineTask } = require("agentctl");\nmodule.exports = defineTask(() => require("./required").word);',
    "common.js",
  );
  const ids = [
    await home.run(home.module(taskModule(`return ${JSON.stringify(secret)} as string;`))),
    await home.run(common),
  ];
  const results = await Promise.all(ids.map(async (id) => (await home.reaches(id, "completed")).result));
  expect(results).toEqual([secret, required]);
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith("tsx-"));
  const files = folders.flatMap((name) =>
    readdirSync(join(tmpdir(), name)).map((file) => join(tmpdir(), name, file)),
  );
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8"));
  expect(texts.filter((text) => text.includes(secret) || text.includes(required))).toEqual([]);
}, 30_000);

it("lets a JavaScript module import what only a TypeScript compiler resolves", async ({ home }) => {
  home.module("export enum Colour { red = 'RED' }\nexport const n: number = 1;", "lib/typed.ts");
  home.module('export { n as index } from "../typed";', "lib/folder/index.ts");
  home.module('{ "word": "json" }', "lib/data.json");
  home.module(
    "exports.__esModule = true; exports.default = 'inner'; exports.word = 'common';",
    "lib/common.cjs",
  );
  const source = `import { defineTask } from "agentctl";
    import * as typed from "./lib/typed";
    import { index } from "./lib/folder";
    import data from "./lib/data.json";
    import { word } from "./lib/common.cjs";
    export default defineTask(async () => {
      const later = await import("./lib/common.cjs");
      return [Object.keys(typed).sort(), index, data.word, word, later.default];
    });`;
  const id = await home.run(home.module(source, "task.mjs"));
  expect((await home.reaches(id, "completed")).result).toEqual([
    ["Colour", "n"],
    1,
    "json",
    "common",
    "inner",
  ]);
}, 30_000);
